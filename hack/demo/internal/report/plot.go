package report

import (
	"errors"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	width, height = 10 * vg.Inch, 8 * vg.Inch
	dotsPerInch   = 120
	meanOver      = 10 * time.Second
)

var (
	pale   = color.RGBA{R: 0xbf, G: 0xd9, B: 0xec, A: 0xff}
	blue   = color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0xff}
	red    = color.RGBA{R: 0xd6, G: 0x27, B: 0x28, A: 0xff}
	green  = color.RGBA{R: 0x2c, G: 0xa0, B: 0x2c, A: 0xff}
	orange = color.RGBA{R: 0xff, G: 0x7f, B: 0x0e, A: 0xff}
	grey   = color.RGBA{R: 0xe5, G: 0xe5, B: 0xe5, A: 0xff}
)

// Plot draws arrivals, lag and replicas over time, one above the other, into
// demo.svg and demo.png in the folder, and returns their paths.
func (o Outcome) Plot(folder string) ([]string, error) {
	if len(o.Series) < 2 {
		return nil, errors.New("plot: fewer than two samples")
	}
	panels, err := o.panels()
	if err != nil {
		return nil, fmt.Errorf("plot: %w", err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("plot: %w", err)
	}
	svg := vgsvg.New(width, height)
	draws(panels, svg)
	picture := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dotsPerInch))
	draws(panels, picture)
	asSVG, asPNG := filepath.Join(folder, "demo.svg"), filepath.Join(folder, "demo.png")
	return []string{asSVG, asPNG}, errors.Join(write(asSVG, svg), write(asPNG, vgimg.PngCanvas{Canvas: picture}))
}

// panels share the time axis; its label is below the last one alone.
func (o Outcome) panels() ([][]*plot.Plot, error) {
	arrivals, err := panel("Arrivals (messages/s)",
		curve{"each second", pale, o.points(func(s Sample) float64 { return s.Arrivals }), false},
		curve{"mean of " + meanOver.String(), blue, o.meanArrivals(), false})
	if err != nil {
		return nil, err
	}
	lag, err := panel("Lag (messages)", curve{"", red, o.points(func(s Sample) float64 { return float64(s.Lag) }), false})
	if err != nil {
		return nil, err
	}
	replicas, err := panel(fmt.Sprintf("Replicas (of %d useful)", o.Partitions),
		curve{"desired", orange, o.points(func(s Sample) float64 { return float64(s.Desired) }), true},
		curve{"ready", green, o.points(func(s Sample) float64 { return float64(s.Ready) }), true})
	if err != nil {
		return nil, err
	}
	replicas.Y.Max = float64(o.Partitions) + 1
	replicas.Y.Tick.Marker = plot.ConstantTicks(countTicks(o.Partitions))
	replicas.X.Label.Text = "seconds since the replay began"
	arrivals.Title.Text = "A consumer group follows its lag"
	return [][]*plot.Plot{{arrivals}, {lag}, {replicas}}, nil
}

// meanArrivals is the mean of the time before each sample: a worker more takes
// longer to come than a burst of a second to pass.
func (o Outcome) meanArrivals() plotter.XYs {
	first := 0
	means := make(plotter.XYs, 0, len(o.Series))
	for i, sample := range o.Series {
		for sample.At-o.Series[first].At >= meanOver {
			first++
		}
		sum := 0.0
		for _, s := range o.Series[first : i+1] {
			sum += s.Arrivals
		}
		means = append(means, plotter.XY{X: sample.At.Seconds(), Y: sum / float64(i+1-first)})
	}
	return means
}

type curve struct {
	name   string
	color  color.Color
	points plotter.XYs
	stairs bool
}

func (o Outcome) points(value func(Sample) float64) plotter.XYs {
	points := make(plotter.XYs, 0, len(o.Series))
	for _, sample := range o.Series {
		points = append(points, plotter.XY{X: sample.At.Seconds(), Y: value(sample)})
	}
	return points
}

func panel(label string, curves ...curve) (*plot.Plot, error) {
	p := plot.New()
	p.Y.Label.Text = label
	p.X.Min, p.Y.Min = 0, 0
	p.Y.Tick.Marker = wholeNumbers{}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs = vg.Points(8)
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = grey, grey
	p.Add(grid)
	for _, c := range curves {
		line, err := plotter.NewLine(c.points)
		if err != nil {
			return nil, fmt.Errorf("draw %q: %w", label, err)
		}
		line.Color, line.Width = c.color, vg.Points(1.5)
		if c.stairs {
			line.StepStyle = plotter.PostStep
		}
		p.Add(line)
		if c.name != "" {
			p.Legend.Add(c.name, line)
		}
	}
	p.X.Tick.Marker = everyHalfMinute{}
	return p, nil
}

// wholeNumbers are the usual ticks, written as 2,500 rather than 2500.00.
type wholeNumbers struct{}

// Ticks implements plot.Ticker.
func (wholeNumbers) Ticks(from, to float64) []plot.Tick {
	p := message.NewPrinter(language.English)
	ticks := plot.DefaultTicks{}.Ticks(from, to)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = p.Sprintf("%.0f", ticks[i].Value)
		}
	}
	return ticks
}

// everyHalfMinute puts a labelled tick at each 30 s.
type everyHalfMinute struct{}

// Ticks implements plot.Ticker.
func (everyHalfMinute) Ticks(from, to float64) []plot.Tick {
	var ticks []plot.Tick
	for second := 0.0; second <= to; second += 30 {
		if second >= from {
			ticks = append(ticks, plot.Tick{Value: second, Label: fmt.Sprintf("%.0f", second)})
		}
	}
	return ticks
}

// countTicks are 0 and the numbers of workers up to most, about six of them.
func countTicks(most int32) []plot.Tick {
	var ticks []plot.Tick
	for n := int32(0); n <= most; n += max(1, most/6) {
		ticks = append(ticks, plot.Tick{Value: float64(n), Label: fmt.Sprint(n)})
	}
	return ticks
}

func draws(panels [][]*plot.Plot, canvas vg.CanvasSizer) {
	tiles := draw.Tiles{
		Rows: len(panels), Cols: 1, PadY: vg.Points(10),
		PadTop: vg.Points(10), PadBottom: vg.Points(10), PadLeft: vg.Points(10), PadRight: vg.Points(20),
	}
	for row, canvases := range plot.Align(panels, tiles, draw.New(canvas)) {
		panels[row][0].Draw(canvases[0])
	}
}

func write(path string, canvas vg.CanvasWriterTo) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	_, err = canvas.WriteTo(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("plot into %q: %w", path, err)
	}
	return nil
}
