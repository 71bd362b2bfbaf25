package plot

import (
	"errors"
	"fmt"
	"image/color"
	"slices"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// Line is a policy's run.
type Line struct {
	Name   string
	Points []sim.Point
}

// most is how many points of a run are drawn: more than the plot has dots across.
const most = 1500

// Run draws arrivals, and replicas, the wait of the eldest message and the lag of each
// policy, over time. The first one is on top.
func Run(path, title string, target time.Duration, lines []Line) error {
	if len(lines) == 0 || len(lines[0].Points) < 2 {
		return errors.New("plot a run: fewer than two points")
	}
	arrivals := panel("", "arrivals (messages/s)")
	arrivals.Title.Text = title
	replicas, wait := panel("", "replicas asked for"), panel("", "eldest message (s)")
	lag := panel("hours", "lag (messages)")
	hours := float64(lines[0].Points[len(lines[0].Points)-1].Second) / 3600
	if err := errors.Join(
		add(arrivals, "", grey, lines[0].Points, func(p sim.Point) float64 { return p.Arrivals }),
		add(wait, fmt.Sprintf("target %gs", target.Seconds()), grey, []sim.Point{{}, {Second: int(hours * 3600)}},
			func(sim.Point) float64 { return target.Seconds() }),
	); err != nil {
		return err
	}
	for i, l := range slices.Backward(lines) {
		c := colors[i%len(colors)]
		if err := errors.Join(
			add(replicas, l.Name, c, l.Points, func(p sim.Point) float64 { return float64(p.Replicas) }),
			add(wait, "", c, l.Points, func(p sim.Point) float64 { return p.Oldest }),
			add(lag, "", c, l.Points, func(p sim.Point) float64 { return p.Lag }),
		); err != nil {
			return err
		}
	}
	replicas.Y.Max += 2 // room for the legend
	return write(path, 10*vg.Inch, arrivals, replicas, wait, lag)
}

// add adds a curve as steps. Of points that fall on the same dot the highest is drawn:
// a message that waited too long is not to be missed.
func add(p *plot.Plot, name string, c color.Color, of []sim.Point, value func(sim.Point) float64) error {
	each := (len(of) + most - 1) / most
	var xys plotter.XYs
	for i, point := range of {
		xy := plotter.XY{X: float64(point.Second) / 3600, Y: value(point)}
		if i%each == 0 {
			xys = append(xys, xy)
			continue
		}
		last := &xys[len(xys)-1]
		last.Y = max(last.Y, xy.Y)
	}
	l, err := line(xys, c)
	if err != nil {
		return fmt.Errorf("plot %q: %w", name, err)
	}
	l.StepStyle = plotter.PostStep
	p.Add(l)
	if name != "" {
		p.Legend.Add(name, l)
	}
	return nil
}
