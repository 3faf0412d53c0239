// The part of ECharts that Tokenprism draws with. `npm run echarts` bundles it into vendor/echarts.min.js, a classic
// script whose one global, `echarts`, is what charming's wasm renderer and the agent's picture renderer look for.
//
// A chart that needs another series or component adds it here: ECharts silently draws nothing for what is missing.
import * as core from "echarts/core";
import { BarChart, BoxplotChart, CustomChart, LineChart, ScatterChart } from "echarts/charts";
import {
  AxisPointerComponent,
  BrushComponent,
  DatasetComponent,
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
  ToolboxComponent,
  TooltipComponent,
  TransformComponent,
  VisualMapComponent,
} from "echarts/components";
import { LabelLayout, LegacyGridContainLabel } from "echarts/features";
import { CanvasRenderer, SVGRenderer } from "echarts/renderers";

core.use([
  BarChart,
  BoxplotChart,
  CustomChart,
  LineChart,
  ScatterChart,
  AxisPointerComponent,
  BrushComponent,
  DatasetComponent,
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
  ToolboxComponent,
  TooltipComponent,
  TransformComponent,
  VisualMapComponent,
  LabelLayout,
  // `grid.containLabel`, which charming emits, is a separate part since ECharts 6.
  LegacyGridContainLabel,
  CanvasRenderer,
  SVGRenderer,
]);

// `renderItem: "cells"`: rectangles of two values on each axis, which ECharts' heat map has on axes of categories alone.
core.registerCustomSeries("cells", (params, api) => {
  const [from, to] = params.encode.x;
  const [low, high] = params.encode.y;
  const [left, top] = api.coord([api.value(from), api.value(high)]);
  const [right, bottom] = api.coord([api.value(to), api.value(low)]);
  const shape = core.graphic.clipRectByRect(
    { x: left, y: top, width: right - left, height: bottom - top },
    params.coordSys,
  );
  return shape && { type: "rect", shape, style: { fill: api.visual("color") } };
});

// `renderItem: "spans"`: rectangles from one value to another of the horizontal axis, in the band of a category, of which
// they take a share.
core.registerCustomSeries("spans", (params, api) => {
  const [low, high] = params.encode.x;
  const [place, share] = params.encode.y;
  const [left, middle] = api.coord([api.value(low), api.value(place)]);
  const [right] = api.coord([api.value(high), api.value(place)]);
  const height = api.size([0, 1])[1] * api.value(share);
  const shape = core.graphic.clipRectByRect(
    { x: left, y: middle - height / 2, width: Math.max(right - left, 1.5), height },
    params.coordSys,
  );
  return shape && { type: "rect", shape, style: { fill: api.visual("color") } };
});

// `renderItem: "strip"`: a strip along the horizontal axis from one value to another wherever a third is above zero.
core.registerCustomSeries("strip", (params, api) => {
  const [from, to] = params.encode.x;
  const [value] = params.encode.y;
  if (!(api.value(value) > 0)) return null;
  const [left] = api.coord([api.value(from), 0]);
  const [right] = api.coord([api.value(to), 0]);
  const { y, height } = params.coordSys;
  const shape = core.graphic.clipRectByRect(
    { x: left, y: y + height - 6 * (params.itemPayload.row + 1), width: right - left, height: 5 },
    params.coordSys,
  );
  return shape && { type: "rect", shape, style: { fill: api.visual("color") } };
});

export * from "echarts/core";
export { filled, legible } from "./definition.js";
