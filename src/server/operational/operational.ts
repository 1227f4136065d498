import type { Answer } from '../answer.js';
import { Refusal } from '../errors.js';
import { splitTarget } from '../target.js';
import { checkHealth } from './health.js';
import type { Metrics, MetricsNow } from './metrics.js';

/** Endpoints for operators, in addition to the registry's own. */
export type OperationalPath = 'healthz' | 'metrics';

/** Returns undefined for a target of the registry itself. */
export function operationalPath(target: string): OperationalPath | undefined {
  switch (splitTarget(target).path) {
    case '/healthz':
      return 'healthz';
    case '/metrics':
      return 'metrics';
    default:
      return undefined;
  }
}

export interface Operational {
  metrics?: Metrics | undefined;
  checkStore?: (() => Promise<void>) | undefined;
  isDraining(): boolean;
  countNow(): MetricsNow;
}

/** Answers an operational endpoint. Answers describe the current state, so they must not be cached. */
export async function answerOperational(
  path: OperationalPath,
  method: string,
  { metrics, checkStore, isDraining, countNow }: Operational,
): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD')
    throw new Refusal('UNSUPPORTED', 'this endpoint is read-only', { headers: { Allow: 'GET, HEAD' } });
  switch (path) {
    case 'healthz': {
      const { healthy, text } = await checkHealth({ draining: isDraining(), checkStore });
      return textAnswer(healthy ? 200 : 503, `${text}\n`);
    }
    case 'metrics': {
      if (metrics === undefined)
        throw new Refusal('UNSUPPORTED', 'this server has no metrics', { status: 404 });
      const { text, contentType } = await metrics.render(countNow());
      return textAnswer(200, text, contentType);
    }
  }
}

function textAnswer(status: number, text: string, contentType = 'text/plain; charset=utf-8'): Answer {
  return {
    status,
    headers: { 'Content-Type': contentType, 'Cache-Control': 'no-store' },
    body: Buffer.from(text),
  };
}
