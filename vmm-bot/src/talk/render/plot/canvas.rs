//! Paper, pens and letters. Everything is drawn twice as large and then made smaller, which smooths its edges.

use std::error::Error;
use std::sync::LazyLock;

use plotters::coord::Shift;
use plotters::prelude::{BitMapBackend, Circle, DrawingArea, IntoDrawingArea, PathElement, Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, RGBColor, TextStyle, register_font};

/// The factor by which everything is drawn larger.
const SCALE: u32 = 2;
/// The opacity of a filled area.
const TINT: f64 = 0.16;
/// The distance from the middle that plotters assumes down to the middle of capital letters, in heights of letters.
const LOWER: f64 = 0.16;
/// The name under which the letters are known.
const FONT: &str = "vmm";

/// The result of drawing a stroke.
pub(super) type Ink = Result<(), Box<dyn Error>>;

/// Letters for ASCII, from the DejaVu fonts; `font/LICENSE` is their licence.
static LETTERS: LazyLock<bool> = LazyLock::new(|| {
    let regular = include_bytes!("../font/DejaVuSans.ttf");
    let bold = include_bytes!("../font/DejaVuSans-Bold.ttf");
    register_font(FONT, FontStyle::Normal, regular).is_ok() && register_font(FONT, FontStyle::Bold, bold).is_ok()
});

/// The weight of letters.
#[derive(Clone, Copy)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// The position of a line of text. The text is centred vertically on the point.
pub(super) struct Spot {
    x: f64,
    y: f64,
    anchor: HPos,
}

impl Spot {
    /// To the right of a point.
    pub(super) fn left(x: f64, y: f64) -> Self {
        Self { x, y, anchor: HPos::Left }
    }

    /// To the left of a point.
    pub(super) fn right(x: f64, y: f64) -> Self {
        Self { x, y, anchor: HPos::Right }
    }

    /// Around a point.
    pub(super) fn middle(x: f64, y: f64) -> Self {
        Self { x, y, anchor: HPos::Center }
    }
}

/// A drawing area, measured in pixels of the finished picture.
pub(super) struct Canvas<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
}

/// Draws a picture of this size; gives it as PNG.
pub(super) fn draw(
    width: f64,
    height: f64,
    paper: RGBColor,
    picture: impl FnOnce(&Canvas<'_>) -> Ink,
) -> Result<Vec<u8>, Box<dyn Error>> {
    if !*LETTERS {
        return Err("the font is broken".into());
    }
    let (width, height) = (width as u32, height as u32);
    let size = (width * SCALE, height * SCALE);
    let mut pixels = vec![0; size.0 as usize * size.1 as usize * 3];
    let canvas = Canvas { area: BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area() };
    canvas.area.fill(&paper)?;
    picture(&canvas)?;
    canvas.area.present()?;
    drop(canvas);
    encode(&smaller(&pixels, width as usize), width, height)
}

/// Makes one pixel of each square of [`SCALE`] × [`SCALE`].
fn smaller(pixels: &[u8], width: usize) -> Vec<u8> {
    let scale = SCALE as usize;
    let stride = width * scale * 3;
    let mut small = Vec::with_capacity(pixels.len() / scale / scale);
    for rows in pixels.chunks_exact(stride * scale) {
        let (upper, lower) = rows.split_at(stride);
        for (upper, lower) in upper.chunks_exact(3 * scale).zip(lower.chunks_exact(3 * scale)) {
            small.extend((0..3).map(|channel| {
                let at = |row: &[u8], column: usize| u16::from(row[3 * column + channel]);
                ((at(upper, 0) + at(upper, 1) + at(lower, 0) + at(lower, 1) + 2) / 4) as u8
            }));
        }
    }
    small
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(file)
}

impl Canvas<'_> {
    /// A filled rectangle: left, top, right, bottom.
    pub(super) fn rectangle(&self, [left, top, right, bottom]: [f64; 4], colour: RGBColor) -> Ink {
        Ok(self.area.draw(&Rectangle::new([large([left, top]), large([right, bottom])], colour.filled()))?)
    }

    /// A straight line.
    pub(super) fn line(&self, from: [f64; 2], to: [f64; 2], width: f64, colour: RGBColor) -> Ink {
        let stroke = colour.stroke_width((width * f64::from(SCALE)) as u32);
        Ok(self.area.draw(&PathElement::new([large(from), large(to)], stroke))?)
    }

    /// A line through all these points, with round ends. Of one point a dot.
    pub(super) fn path(&self, points: &[[f64; 2]], width: f64, colour: RGBColor) -> Ink {
        // Piece by piece: plotters' own bends have spikes.
        for pair in points.windows(2) {
            self.line(pair[0], pair[1], width, colour)?;
        }
        let radius = width * f64::from(SCALE) / 2.0;
        let radius = if points.len() == 1 { radius * 2.5 } else { radius };
        for point in points {
            self.area.draw(&Circle::new(large(*point), radius as i32, colour.filled()))?;
        }
        Ok(())
    }

    /// Fills the area between a line through these points and a height.
    pub(super) fn area(&self, points: &[[f64; 2]], bottom: f64, colour: RGBColor) -> Ink {
        let ([first, ..], [.., last]) = (points, points) else { return Ok(()) };
        let ends = [[last[0], bottom], [first[0], bottom]];
        let edge: Vec<_> = points.iter().chain(&ends).map(|point| large(*point)).collect();
        Ok(self.area.draw(&Polygon::new(edge, colour.mix(TINT)))?)
    }

    /// A line of text.
    pub(super) fn text(&self, text: &str, spot: Spot, size: f64, weight: Weight, colour: RGBColor) -> Ink {
        let style = TextStyle::from(font(size, weight)).color(&colour).pos(Pos::new(spot.anchor, VPos::Center));
        Ok(self.area.draw_text(text, &style, large([spot.x, spot.y + size * LOWER]))?)
    }

    /// Returns the width of a text.
    pub(super) fn width(&self, text: &str, size: f64, weight: Weight) -> Result<f64, Box<dyn Error>> {
        let (width, _) = self.area.estimate_text_size(text, &TextStyle::from(font(size, weight)))?;
        Ok(f64::from(width) / f64::from(SCALE))
    }
}

fn font(size: f64, weight: Weight) -> FontDesc<'static> {
    let style = match weight {
        Weight::Regular => FontStyle::Normal,
        Weight::Bold => FontStyle::Bold,
    };
    FontDesc::new(FontFamily::Name(FONT), size * f64::from(SCALE), style)
}

fn large(point: [f64; 2]) -> (i32, i32) {
    let [x, y] = point.map(|pixels| (pixels * f64::from(SCALE)).round() as i32);
    (x, y)
}
