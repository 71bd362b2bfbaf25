package plot

import (
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Choice is what one configuration costs and how much it is late.
type Choice struct {
	// Excess is in percent over the clairvoyant bound, Out in percent of the time.
	Excess, Out float64
}

// Family is a policy with all of its configurations.
type Family struct {
	Name    string
	Choices []Choice
}

// Pareto draws each family's configurations as dots, and a line through those that no
// other of the family beats in both cost and time out of target.
func Pareto(path, title string, families []Family) error {
	p := panel("replica-minutes over the clairvoyant bound (%)", "time out of target (%)")
	p.Title.Text = title
	for i, f := range families {
		c := colors[i%len(colors)]
		all, err := plotter.NewScatter(points(f.Choices))
		if err != nil {
			return fmt.Errorf("plot %q: %w", f.Name, err)
		}
		all.GlyphStyle = draw.GlyphStyle{Color: c, Radius: vg.Points(2.5), Shape: draw.CircleGlyph{}}
		front, err := line(points(Front(f.Choices)), c)
		if err != nil {
			return fmt.Errorf("plot %q: %w", f.Name, err)
		}
		p.Add(all, front)
		p.Legend.Add(f.Name, front, all)
	}
	return write(path, 6*vg.Inch, p)
}

// Front are the choices that no other is better than in one respect and as good in the
// other, the cheapest first.
func Front(choices []Choice) []Choice {
	sorted := slices.SortedFunc(slices.Values(choices), func(a, b Choice) int {
		switch {
		case a.Excess != b.Excess && a.Excess < b.Excess, a.Excess == b.Excess && a.Out < b.Out:
			return -1
		case a == b:
			return 0
		}
		return 1
	})
	var front []Choice
	for _, c := range sorted {
		if len(front) == 0 || c.Out < front[len(front)-1].Out {
			front = append(front, c)
		}
	}
	return front
}

func points(choices []Choice) plotter.XYs {
	xys := make(plotter.XYs, 0, len(choices))
	for _, c := range choices {
		xys = append(xys, plotter.XY{X: c.Excess, Y: c.Out})
	}
	return xys
}

func line(xys plotter.XYs, c color.Color) (*plotter.Line, error) {
	l, err := plotter.NewLine(xys)
	if err != nil {
		return nil, err
	}
	l.Color, l.Width = c, vg.Points(1.5)
	return l, nil
}
