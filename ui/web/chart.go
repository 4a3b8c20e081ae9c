package web

import (
	"encoding/json"
	"fmt"
	"slices"

	"tilld/agent/payment"
)

// Bars is a bar chart of sums, one for each label.
type Bars struct {
	Labels   []string
	Sums     []int64 // minor units
	Currency payment.Currency
}

// Empty says that there is nothing to draw.
func (b Bars) Empty() bool { return !slices.ContainsFunc(b.Sums, func(s int64) bool { return s != 0 }) }

// JSON is the chart as the pages' script takes it from an attribute data-chart. The script divides by scale
// only to write the axis.
func (b Bars) JSON() (string, error) {
	data := struct {
		X      []int    `json:"x"`
		Y      []int64  `json:"y"`
		Labels []string `json:"labels"`
		Scale  int64    `json:"scale"` // minor units in one of what the axis counts
	}{X: []int{}, Y: []int64{}, Labels: []string{}, Scale: 1}
	for range b.Currency.Exponent() {
		data.Scale *= 10
	}
	if len(b.Labels) != len(b.Sums) {
		return "", fmt.Errorf("a chart of %d labels and %d sums", len(b.Labels), len(b.Sums))
	}
	for i, label := range b.Labels {
		data.X, data.Y, data.Labels = append(data.X, i), append(data.Y, b.Sums[i]), append(data.Labels, label)
	}
	text, err := json.Marshal(data)
	return string(text), err
}
