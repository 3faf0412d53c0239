// How a chart's definition becomes ECharts' option: one way for the page and for the agent's pictures.

// The definition's own option, whose numbers do not lie on one another. charming knows lines of axes as gauges have them,
// in parts with a colour each; ours have one.
export function legible(option) {
  for (const axis of [option.xAxis].flat()) {
    if (axis.type !== "category") axis.axisLabel = { ...axis.axisLabel, hideOverlap: true };
    const line = axis.axisLine?.lineStyle;
    if (Array.isArray(line?.color)) line.color = line.color.flat().at(-1);
  }
  return option;
}

// The definition's data: flat rows, since typed arrays in keyed columns are merged by index and never grow. `shown` is
// the stretch of a time axis.
export function filled(rows, dimensions, shown) {
  const option = { dataset: { source: rows, dimensions, sourceHeader: false } };
  if (shown) option.xAxis = { min: shown[0], max: shown[1] };
  return option;
}
