//! Owns `tokenprism picture`: the charts of a run or study as files, without a browser.
//! Must not know how charts are computed or drawn.

use super::{DONE, DataArg, subject};
use crate::render::{self, Canvas, Chart, Format, Renderer, charts};
use anyhow::Context;
use shared::chart::Theme;
use shared::cost::UsdPerHour;
use shared::ids::RequestId;
use std::path::{Path, PathBuf};

/// Arguments of `picture`.
#[derive(clap::Args, Debug)]
pub struct PictureArgs {
    /// The id of a run or a study, or a file that `study --json` wrote; of several runs, studies and files the comparison.
    #[arg(required = true, value_name = "RUN|STUDY")]
    of: Vec<String>,
    /// Draw this chart (`--list` names them); can be given several times. Every one where absent.
    #[arg(long, value_name = "NAME")]
    chart: Vec<String>,
    /// Of a run: draw the timeline of this request, by its number; with `--chart` other charts besides.
    #[arg(long, value_name = "N")]
    request: Option<RequestId>,
    /// Write into this folder, which is made where it is missing; or one chart into a file that ends in .svg or .png.
    #[arg(long, value_name = "DIR|FILE", required_unless_present = "list")]
    out: Option<PathBuf>,
    /// Name the charts that there are, and draw none.
    #[arg(long)]
    list: bool,
    /// Form of the files in a folder: svg or png.
    #[arg(long, default_value = "png", value_parser = Format::parse)]
    format: Format,
    /// Colours: light or dark.
    #[arg(long, default_value = "light", value_parser = render::theme)]
    theme: Theme,
    /// Pixels of a PNG for one of the chart's.
    #[arg(long, default_value_t = Canvas::default().scale)]
    scale: f32,
    /// Width, CSS pixels.
    #[arg(long, default_value_t = Canvas::default().width)]
    width: u32,
    /// Height, CSS pixels; a chart that needs more to be legible takes more.
    #[arg(long, default_value_t = Canvas::default().height)]
    height: u32,
    /// Work out costs that no run has of its own at this price of an engine with all that it runs on, USD an hour. Of
    /// comparisons and studies of curves only.
    #[arg(long, value_name = "USD_PER_HOUR")]
    price: Option<UsdPerHour>,
    #[command(flatten)]
    data: DataArg,
}

/// Draws the charts, and prints the files.
pub async fn picture(args: PictureArgs) -> anyhow::Result<u8> {
    let subject = subject::find(&args.of, args.request, &args.data).await?.at_price(args.price)?;
    let all = charts(&subject);
    if let render::Subject::Run(run) = &subject
        && let Some(why) = &run.no_distributions
    {
        eprintln!("tokenprism: there are no charts of distributions: {why}");
    }
    if args.list {
        all.iter().for_each(|chart| println!("{:32} {}", chart.name, chart.label));
        return Ok(DONE);
    }
    let names: Vec<String> = args.request.map(render::request_name).into_iter().chain(args.chart).collect();
    let asked = chosen(&all, &names)?;
    let canvas = Canvas { width: args.width, height: args.height, scale: args.scale, theme: args.theme }.checked()?;
    let out = args.out.unwrap_or_default();
    let files = files(&out, &asked, args.format, args.theme)?;
    let renderer = Renderer::new()?;
    for (chart, (path, format)) in asked.into_iter().zip(files) {
        let bytes = renderer.picture(chart, &canvas, format)?;
        std::fs::write(&path, bytes).with_context(|| format!("{} could not be written", path.display()))?;
        println!("{}", path.display());
    }
    Ok(DONE)
}

/// The charts of these names, or all.
fn chosen<'a, 'b>(all: &'b [Chart<'a>], names: &[String]) -> Result<Vec<&'b Chart<'a>>, render::RenderError> {
    if names.is_empty() && !all.is_empty() {
        return Ok(all.iter().collect());
    }
    let find = |name: &String| all.iter().find(|chart| chart.name == *name).ok_or_else(|| render::no_such(name, all));
    if names.is_empty() { Err(render::RenderError::NoCharts) } else { names.iter().map(find).collect() }
}

/// Where each chart goes, and in which form.
fn files(out: &Path, charts: &[&Chart], format: Format, theme: Theme) -> anyhow::Result<Vec<(PathBuf, Format)>> {
    let ending = out.extension().and_then(|ending| ending.to_str());
    if let Some(format) = ending.and_then(|ending| Format::parse(ending).ok()) {
        let names: Vec<&str> = charts.iter().map(|chart| chart.name.as_str()).collect();
        anyhow::ensure!(
            charts.len() == 1,
            "{} is one file and these are {} charts: choose one with --chart ({}), or give a folder",
            out.display(),
            charts.len(),
            names.join(", ")
        );
        return Ok(vec![(out.to_owned(), format)]);
    }
    std::fs::create_dir_all(out).with_context(|| format!("the folder {} could not be made", out.display()))?;
    let dark = if theme == Theme::Dark { "-dark" } else { "" };
    let file = |chart: &&Chart| (out.join(format!("{}{dark}.{}", chart.name, format.ending())), format);
    Ok(charts.iter().map(file).collect())
}
