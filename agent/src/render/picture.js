// One picture: a definition's option as JSON, its data, and what it is drawn on. Also how many rows each series drew.
(json, rows, dimensions, shown, width, height, background) => {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    chart.setOption({ ...echarts.legible(JSON.parse(json)), backgroundColor: background });
    chart.setOption(echarts.filled(rows, dimensions, shown));
    const drawn = chart.getModel().getSeries().map((series) => series.getData().count());
    // Nobody points at a picture.
    const svg = chart.getZr().painter.renderToString({ useViewBox: true, cssAnimation: false, cssEmphasis: false });
    return { svg, drawn };
  } finally {
    chart.dispose();
  }
}
