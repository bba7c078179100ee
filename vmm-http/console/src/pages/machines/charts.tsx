import { useEffect, useMemo, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Api } from '../../api/client';
import { number } from '../../lib/language';
import { shown } from '../../lib/theme';
import { text } from './messages';

type Point = Api['MonitorPoint'];

interface Line {
  name: string;
  value: (point: Point) => number | undefined;
}

/** Writes a moment of the last hour, which is given in seconds. */
const clock = (seconds: number) => new Date(seconds * 1000).toTimeString().slice(0, 8);

const MIB = 1024 * 1024;
const scaled = (value: number | undefined) => (value === undefined ? undefined : value / MIB);

/** The charts of a machine's last hour. */
export default function Charts({ history }: { history: Api['MonitorHistory'] }) {
  const lines: [title: string, lines: Line[]][] = [
    [text('chart.cpu'), [{ name: text('chart.load'), value: (point) => point.cpu_percent }]],
    [text('chart.memory'), [{ name: text('chart.used'), value: (point) => point.memory_used }]],
    [text('chart.disk'), [
      { name: text('chart.read'), value: (point) => scaled(point.disk_read) },
      { name: text('chart.written'), value: (point) => scaled(point.disk_written) },
    ]],
    [text('chart.net'), [
      { name: text('chart.received'), value: (point) => scaled(point.net_received) },
      { name: text('chart.sent'), value: (point) => scaled(point.net_sent) },
    ]],
  ];
  return (
    <div class="charts">
      {lines.map(([title, own], index) => <Chart key={index} title={title} lines={own} history={history} />)}
    </div>
  );
}

function Chart({ title, lines, history }: { title: string; lines: Line[]; history: Api['MonitorHistory'] }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // The first point after a gap has no figures, so that no line crosses the gap.
  const data = useMemo(() => [
    history.points.map((point) => new Date(point.at).getTime() / 1000),
    ...lines.map((line) => history.points.map((point) => line.value(point) ?? null)),
  ] as uPlot.AlignedData, [history]);
  const latest = useRef(data);
  latest.current = data;
  const theme = shown.value;
  const names = lines.map((line) => line.name).join();

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const style = getComputedStyle(document.documentElement);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const axis = { stroke: color('--muted'), grid: { stroke: color('--line'), width: 1 }, ticks: { stroke: color('--line') } };
    const made = new uPlot({
      width: element.clientWidth || 300,
      height: 150,
      legend: { live: true },
      cursor: { y: false },
      scales: { y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, 1)] } },
      axes: [
        { ...axis, space: 80, values: (_plot: uPlot, splits: number[]) => splits.map(clock) },
        { ...axis, size: 56 },
      ],
      series: [
        { label: text('chart.at'), value: (_plot: uPlot, value: number | null) => (value === null ? '–' : clock(value)) },
        ...names.split(',').map((label, index) => ({
          label,
          stroke: color(index === 0 ? '--accent' : '--warn'),
          width: 1.5,
          dash: index === 0 ? [] : [5, 3],
          value: (_plot: uPlot, value: number | null) => (value === null ? '–' : number(value, 2)),
        })),
      ],
    }, latest.current, element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: 150 }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [theme, names]);

  useEffect(() => plot.current?.setData(data), [data]);

  const newest = history.points.at(-1);
  const values = lines.map((line) => `${line.name} ${newest ? number(line.value(newest) ?? 0, 2) : '–'}`).join(', ');
  return (
    <div class="chart">
      <h3>{title}</h3>
      <div ref={box} class="chart-box" role="img" aria-label={text('chart.label', { name: title, values })} />
    </div>
  );
}
