//! Lines over an axis, as SVG, and the same as numbers.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use std::fmt::Write as _;
use std::path::Path;

/// One measured point.
pub struct Point {
    pub x: f64,
    /// Least, median, most.
    pub y: [f64; 3],
}

impl Point {
    pub fn of(x: f64, mut times: Vec<f64>) -> Point {
        times.sort_by(f64::total_cmp);
        let at = |k: usize| times.get(k).copied().unwrap_or(f64::NAN);
        Point { x, y: [at(0), at(times.len() / 2), at(times.len().saturating_sub(1))] }
    }
}

pub struct Line {
    pub name: &'static str,
    pub points: Vec<Point>,
}

impl Line {
    pub fn new(name: &'static str) -> Line {
        Line { name, points: Vec::new() }
    }
}

pub struct Chart {
    pub title: &'static str,
    pub x: &'static str,
    pub y: &'static str,
    /// Whether an axis grows by factors.
    pub logarithmic: (bool, bool),
    pub lines: Vec<Line>,
}

/// Colours that can be told apart also by those who do not see all of them.
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115), RGBColor(120, 120, 120)];

impl Chart {
    /// Writes `name.svg` and `name.tsv` into a folder.
    pub fn write(&self, folder: &Path, name: &str) {
        self.numbers(&folder.join(format!("{name}.tsv")));
        let path = folder.join(format!("{name}.svg"));
        let area = SVGBackend::new(&path, (760, 440)).into_drawing_area();
        area.fill(&WHITE).unwrap();
        let all = || self.lines.iter().flat_map(|l| &l.points);
        let most = |of: fn(&Point) -> f64| all().map(of).fold(f64::MIN, f64::max);
        let least = |of: fn(&Point) -> f64| all().map(of).fold(f64::MAX, f64::min);
        let xs = (least(|p| p.x), most(|p| p.x));
        let ys = (least(|p| p.y[1]), most(|p| p.y[1]));
        match self.logarithmic {
            (true, true) => {
                self.draw(
                    &area,
                    (xs.0..xs.1 * 1.05).log_scale().base(2.0),
                    (ys.0 * 0.7..ys.1 * 1.5).log_scale(),
                );
            }
            _ => self.draw(&area, xs.0..xs.1 * 1.02, 0.0..ys.1 * 1.15),
        }
        area.present().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        eprintln!("{}", path.display());
    }

    fn draw<X, Y>(&self, area: &DrawingArea<SVGBackend<'_>, Shift>, x: X, y: Y)
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(60)
            .build_cartesian_2d(x, y)
            .unwrap();
        let label =
            |v: &f64| if *v >= 10.0 || v.fract() == 0.0 { format!("{v:.0}") } else { format!("{v:.2}") };
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .x_label_formatter(&label)
            .y_label_formatter(&label)
            .light_line_style(TRANSPARENT)
            .draw()
            .unwrap();
        for (line, colour) in self.lines.iter().zip(COLOURS) {
            let points = || line.points.iter().map(|p| (p.x, p.y[1]));
            chart
                .draw_series(LineSeries::new(points(), colour.stroke_width(2)))
                .unwrap()
                .label(line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
            chart.draw_series(points().map(|at| Circle::new(at, 3, colour.filled()))).unwrap();
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(200, 200, 200))
            .draw()
            .unwrap();
    }

    fn numbers(&self, path: &Path) {
        let mut text = format!("# {}\n# {}; {}: least, median, most\n", self.title, self.x, self.y);
        for line in &self.lines {
            for Point { x, y: [least, median, most] } in &line.points {
                let _ = writeln!(text, "{}\t{x}\t{least:.3}\t{median:.3}\t{most:.3}", line.name);
            }
        }
        std::fs::write(path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}
