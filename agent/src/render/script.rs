//! Owns drawing: the page's chart library in an interpreter that is bounded in memory and time.
//! Must not know charts, nor what becomes of the pictures.

use super::canvas::{Canvas, Format};
use super::catalogue::Chart;
use super::{RenderError, raster};
use crate::dashboard;
use rquickjs::{CatchResultExt, CaughtError, Context, Ctx, Function, Object, Runtime, TypedArray};
use shared::chart::ChartDefinition;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The chart library among the dashboard's files: the one that the page loads.
const LIBRARY: &str = "echarts.min.js";
/// Calls it for one picture.
const PICTURE: &str = include_str!("picture.js");
/// Its name in the interpreter.
const DRAW: &str = "drawPicture";
/// Most memory of the interpreter: a map of a hundred thousand cells takes a third of it.
const MOST_BYTES: usize = 512 << 20;
/// Deepest stack: below what the system gives a thread.
const MOST_STACK_BYTES: usize = 1 << 20;
/// Longest time for one picture, and for all that are drawn with one renderer.
const LIMIT: Duration = Duration::from_secs(20);
const LIMIT_OF_ALL: Duration = Duration::from_secs(180);

/// Draws charts, one after another. It stays on the thread that made it.
pub struct Renderer {
    context: Context,
    _runtime: Runtime,
    deadline: Rc<Cell<Instant>>,
    last: Instant,
}

/// A chart as lines and text.
#[derive(Clone, Debug, PartialEq)]
pub struct Svg {
    /// The document.
    pub text: String,
    /// Rows that each series really holds.
    pub drawn: Vec<u32>,
}

impl Renderer {
    /// Loads the library.
    ///
    /// # Errors
    /// [`RenderError`] where the binary holds none, or it does not run.
    pub fn new() -> Result<Self, RenderError> {
        let library = dashboard::file(LIBRARY).ok_or(RenderError::NotBuilt)?;
        Self::of(&library.data)
    }

    fn of(library: &[u8]) -> Result<Self, RenderError> {
        let broken = |why: String| RenderError::Drawing { name: LIBRARY.to_owned(), why };
        let runtime = Runtime::new().map_err(|error| broken(error.to_string()))?;
        runtime.set_memory_limit(MOST_BYTES);
        runtime.set_max_stack_size(MOST_STACK_BYTES);
        let deadline = Rc::new(Cell::new(Instant::now() + LIMIT));
        let until = Rc::clone(&deadline);
        runtime.set_interrupt_handler(Some(Box::new(move || Instant::now() > until.get())));
        let context = Context::full(&runtime).map_err(|error| broken(error.to_string()))?;
        context.with(|ctx| {
            let load = || {
                // Nothing moves in a picture: what would come later never does.
                ctx.eval::<(), _>("globalThis.setTimeout = () => 0")?;
                ctx.eval::<(), _>(library)?;
                let draw: Function = ctx.eval(PICTURE)?;
                ctx.globals().set(DRAW, draw)
            };
            load().catch(&ctx).map_err(|error| broken(words(&error)))
        })?;
        Ok(Self { context, _runtime: runtime, deadline, last: Instant::now() + LIMIT_OF_ALL })
    }

    /// A chart as a file of the format.
    ///
    /// # Errors
    /// [`RenderError`] where it cannot be drawn.
    pub fn picture(&self, chart: &Chart, canvas: &Canvas, format: Format) -> Result<Vec<u8>, RenderError> {
        let svg = self.svg(chart, canvas, canvas.theme.background())?.text;
        match format {
            Format::Svg => Ok(svg.into_bytes()),
            Format::Png => raster::png(&svg, &canvas.holding(chart.least_height))
                .map_err(|why| RenderError::Drawing { name: chart.name.clone(), why }),
        }
    }

    /// A chart as lines and text, on a background colour.
    ///
    /// # Errors
    /// [`RenderError`] where it cannot be drawn.
    pub fn svg(&self, chart: &Chart, canvas: &Canvas, background: &str) -> Result<Svg, RenderError> {
        let canvas = canvas.holding(chart.least_height).checked()?;
        let definition = (chart.define)(canvas.theme).ok_or(RenderError::NoCharts)?;
        self.deadline.set(self.last.min(Instant::now() + LIMIT));
        let drawn = self.context.with(|ctx| {
            let drawn = draw(&ctx, &definition, chart.end_s, &canvas, background);
            drawn.catch(&ctx).map_err(|error| words(&error))
        });
        drawn.map_err(|why| {
            if Instant::now() > self.deadline.get() {
                return RenderError::Bounds(chart.name.clone(), "20 s, or 3 minutes with those before it");
            }
            if why.contains("out of memory") {
                return RenderError::Bounds(chart.name.clone(), "512 MiB of memory");
            }
            RenderError::Drawing { name: chart.name.clone(), why }
        })
    }
}

fn draw(
    ctx: &Ctx<'_>,
    definition: &ChartDefinition,
    end_s: Option<f64>,
    canvas: &Canvas,
    background: &str,
) -> rquickjs::Result<Svg> {
    let draw: Function = ctx.globals().get(DRAW)?;
    let option = serde_json::to_string(&definition.option).unwrap_or_default();
    let rows = TypedArray::<f64>::new_copy(ctx.clone(), &definition.data.rows)?;
    let dimensions: Vec<&str> = definition.data.dimensions.iter().map(AsRef::as_ref).collect();
    let shown = end_s.map(|end_s| vec![0.0, end_s]);
    let found: Object = draw.call((option, rows, dimensions, shown, canvas.width, canvas.height, background))?;
    Ok(Svg { text: found.get("svg")?, drawn: found.get("drawn")? })
}

/// What the library says of a failure.
fn words(error: &CaughtError) -> String {
    match error {
        CaughtError::Exception(exception) => exception.message().unwrap_or_else(|| "it does not say why".to_owned()),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_never_ends_or_takes_all_memory_is_ended() {
        let check = |library: &str, expect: &str| {
            let error = Renderer::of(library.as_bytes()).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(expect), "{error}");
        };
        check("throw new Error('broken')", "broken");
        check("const all = []; for (;;) all.push(new Uint8Array(1 << 24).fill(1))", "memory");
        check("(function deep() { deep() })()", "stack");
    }
}
