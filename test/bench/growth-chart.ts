import { LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

/** One diagram: a line for each tool. */
export interface Panel {
  title: string;
  xName: string;
  yName: string;
  lines: { name: string; points: [x: number, y: number][] }[];
}

const PANEL_WIDTH = 460;
const PANEL_HEIGHT = 300;
const MARGIN = { left: 70, right: 40, top: 55, bottom: 55 };
const HEAD_HEIGHT = 80;
const COLUMNS = 2;
/** lading's first; distinguishable without the red-green difference. (Okabe and Ito) */
const COLORS = ['#d55e00', '#0072b2', '#009e73', '#cc79a7', '#56b4e9'];

use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** Panels, two beside each other, as one SVG document. ECharts draws it: it needs neither a browser nor a DOM. */
export function drawPanels(title: string, subtitle: string, panels: readonly Panel[]): string {
  const rows = Math.ceil(panels.length / COLUMNS);
  const size = { width: COLUMNS * PANEL_WIDTH, height: HEAD_HEIGHT + rows * PANEL_HEIGHT };
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...size });
  try {
    chart.setOption(optionOf(title, subtitle, panels));
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

function optionOf(title: string, subtitle: string, panels: readonly Panel[]): EChartsCoreOption {
  const names = [...new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name)))];
  const origins = panels.map((_, index) => ({
    x: (index % COLUMNS) * PANEL_WIDTH,
    y: HEAD_HEIGHT + Math.floor(index / COLUMNS) * PANEL_HEIGHT,
  }));
  const axisName = { nameLocation: 'middle', nameTextStyle: { color: '#333' } };
  return {
    animation: false,
    backgroundColor: '#fff',
    color: COLORS,
    textStyle: { fontFamily: 'sans-serif' },
    title: [
      { text: title, subtext: subtitle, left: 'center', top: 5 },
      ...panels.map((panel, index) => ({
        text: panel.title,
        textStyle: { fontSize: 14 },
        left: (origins[index]?.x ?? 0) + MARGIN.left,
        top: (origins[index]?.y ?? 0) + 15,
      })),
    ],
    legend: { data: names, top: 55 },
    grid: origins.map(({ x, y }) => ({
      left: x + MARGIN.left,
      top: y + MARGIN.top,
      width: PANEL_WIDTH - MARGIN.left - MARGIN.right,
      height: PANEL_HEIGHT - MARGIN.top - MARGIN.bottom,
    })),
    xAxis: panels.map(({ xName }, gridIndex) => ({
      ...{ type: 'value', min: 0, gridIndex, name: xName, nameGap: 28 },
      ...axisName,
    })),
    yAxis: panels.map(({ yName }, gridIndex) => ({
      ...{ type: 'value', min: 0, gridIndex, name: yName, nameGap: 45 },
      ...axisName,
    })),
    series: panels.flatMap(({ lines }, index) =>
      lines.map(({ name, points }) => ({
        ...{ type: 'line', name, data: points, xAxisIndex: index, yAxisIndex: index },
        color: COLORS[names.indexOf(name) % COLORS.length],
        lineStyle: { width: name === 'lading' ? 3 : 1.5 },
        symbolSize: 6,
      })),
    ),
  };
}
