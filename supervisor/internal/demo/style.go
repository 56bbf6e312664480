// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"image/color"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// The sixteen colours of the terminal's own theme; without colours, words say the same.
var (
	good   color.Color = lipgloss.Green
	bad    color.Color = lipgloss.Red
	warn   color.Color = lipgloss.Yellow
	accent color.Color = lipgloss.Cyan
	dim    color.Color = lipgloss.BrightBlack
)

func paint(c color.Color, text string) string {
	return lipgloss.NewStyle().Foreground(c).Render(text)
}

func strong(text string) string { return lipgloss.NewStyle().Bold(true).Render(text) }

// fit cuts or fills a text to a width.
func fit(text string, width int) string {
	text = ansi.Truncate(text, max(0, width), "…")
	return text + strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
}

// shorten cuts a text to a width.
func shorten(text string, width int) string { return ansi.Truncate(text, max(0, width), "…") }
