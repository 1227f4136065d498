import { formatPlatform, type InspectedImage, type InspectedLayer, printable } from '../index.js';
import { formatColumns } from './columns.js';
import { formatBytes, formatTable } from './format.js';
import { createdOf, digestFor, formatAttached, type Look } from './inspect-table.js';
import { cutEnd } from './width.js';

type Platform = InspectedImage['platforms'][number];

const INDENT = '  ';

/** Formats all that is known of an image. */
export function formatWhole(image: InspectedImage, look: Look): string {
  const { name, digest, mediaType, size, platforms, blobs = [], absent, attachments, problem } = image;
  const facts = [
    ...(mediaType === undefined ? [] : [['type', mediaType]]),
    ...(digest === undefined ? [] : [['size', formatBytes(size)]]),
    ...(problem === undefined ? [] : [['DAMAGED', problem]]),
    ...blobs.map((blob) => [
      'blob',
      `${digestFor(look)(blob.digest)}  ${formatBytes(blob.size)}  ${blob.mediaType}`,
    ]),
    ...absent.map((child) => ['left out', digestFor(look)(child)]),
  ];
  const attached =
    attachments.length === 0
      ? ''
      : `\n${INDENT}attached\n${indented(look, (inner) => formatAttached({ images: [image], bytes: NO_BYTES }, inner))}`;
  return [
    `${printable(name)}\n`,
    digest === undefined ? '' : `${INDENT}${digest}\n`,
    formatFacts(facts, look),
    attached,
    ...platforms.map((platform) => `\n${formatPlatformWhole(platform, look)}`),
  ].join('');
}

const NO_BYTES = { total: 0, withoutSharing: 0 };

/** Formats the steps of each platform, as `docker history` does, but the first step first. */
export function formatHistory({ name, platforms }: InspectedImage, look: Look): string {
  const parts = platforms.map(
    (platform) =>
      `${printable(name)}  ${titleOf(platform)}\n${formatSteps(platform, look, { hasTimes: true })}`,
  );
  return parts.join('\n');
}

function formatPlatformWhole(platform: Platform, look: Look): string {
  const { digest, size, config, signatures = [], layers } = platform;
  const facts = [
    ...signatures.map(({ keyId = 'unreadable key', algorithm, valid }) => [
      'signature',
      `${valid ? 'holds' : 'does NOT hold'}, ${algorithm}, key ${keyId}`,
    ]),
    ['created', createdOf(platform)],
    ['user', config.User],
    ['workdir', config.WorkingDir],
    ['entrypoint', config.Entrypoint && JSON.stringify(config.Entrypoint)],
    ['command', config.Cmd && JSON.stringify(config.Cmd)],
    ['ports', Object.keys(config.ExposedPorts ?? {}).join(' ')],
    ['volumes', Object.keys(config.Volumes ?? {}).join(' ')],
    ...(config.Env ?? []).map((variable) => ['env', variable]),
    ...Object.entries(config.Labels ?? {}).map(([label, value]) => ['label', `${label}=${value}`]),
  ].flatMap(([key = '', value]) => (value ? [[key, value]] : []));
  const title = `${INDENT}${titleOf(platform)}  ${digestFor(look)(digest)}  ${formatBytes(size)}\n`;
  const hasSteps = layers.length > 0 || platform.history.length > 0;
  return [
    title,
    indented(look, (inner) => formatFacts(facts, inner)),
    hasSteps
      ? indented(look, (inner) =>
          indented(inner, (innermost) => formatSteps(platform, innermost, { hasTimes: false })),
        )
      : '',
  ].join('');
}

function titleOf(platform: Platform): string {
  return printable(platform.os === '' ? 'no platform' : formatPlatform(platform));
}

/** A layer and the step that made it, as far as they are known. */
interface Step {
  layer?: InspectedLayer | undefined;
  created?: string | undefined;
  createdBy?: string | undefined;
}

function formatSteps(platform: Platform, look: Look, { hasTimes }: { hasTimes: boolean }): string {
  const steps = stepsOf(platform);
  const times = steps.map(({ created }) => created?.slice(0, 19).replace('T', ' ') ?? '-');
  return formatColumns(
    [
      ...(hasTimes ? [{ header: 'CREATED', cells: times, leaveOut: 3 }] : []),
      { header: 'LAYER', cells: steps.map(({ layer }) => digestFor(look)(layer?.digest)), leaveOut: 2 },
      { header: 'SIZE', cells: steps.map(({ layer }) => sizeOf(layer)), align: 'right' },
      {
        header: 'TYPE',
        cells: steps.map(({ layer }) => layer?.mediaType ?? '-'),
        short: steps.map(({ layer }) => layer?.mediaType.replace(/^.*\.(?=tar|diff)/, '') ?? '-'),
        cut: 'middle',
        leaveOut: 4,
      },
      { header: 'CREATED BY', cells: steps.map(({ createdBy = '' }) => oneLine(createdBy)), cut: 'end' },
    ],
    look.width,
  );
}

/** Pairs steps with layers: steps that change no file have none. If their numbers do not fit, layers come first. */
function stepsOf({ history, layers }: Platform): Step[] {
  const isPaired = history.filter(({ empty_layer: isEmpty }) => !isEmpty).length === layers.length;
  const own = history.map(({ created, created_by: by, comment, empty_layer: isEmpty }) => ({
    created,
    createdBy: by ?? comment,
    isEmpty,
  }));
  if (!isPaired) return [...layers.map((layer) => ({ layer, createdBy: layer.createdBy })), ...own];
  const left = [...layers];
  return own.map(({ isEmpty, ...step }) => (isEmpty ? step : { ...step, layer: left.shift() }));
}

function sizeOf(layer: InspectedLayer | undefined): string {
  return layer?.size === undefined ? '-' : formatBytes(layer.size);
}

function formatFacts(facts: readonly string[][], { width }: Look): string {
  const room = facts.reduce((widest, [key = '']) => Math.max(widest, key.length), 0) + 2 * INDENT.length;
  return formatTable(
    facts.map(([key = '', value = '']) => {
      const shown = printable(oneLine(value));
      return [`${INDENT}${key}`, width === undefined ? shown : cutEnd(shown, Math.max(10, width - room))];
    }),
  );
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Formats with an indent that the terminal has room for. */
function indented({ width, digests }: Look, format: (look: Look) => string): string {
  const inner = width === undefined ? undefined : Math.max(1, width - INDENT.length);
  return format({ width: inner, digests }).replace(/^(?=.)/gm, INDENT);
}
