import type { Registry as MetricsRegistry } from 'prom-client';
import type { AccessEntry } from './access-log.js';

/** What is counted over the life of a server, in the text form of Prometheus. */
export interface Metrics {
  /** Counts a request that is over. */
  count(entry: AccessEntry): void;
  /** Counts an answer that is a converted manifest. */
  countConversion(): void;
  /** Everything counted, with what is under way now. */
  render(now: MetricsNow): Promise<{ contentType: string; text: string }>;
}

export interface MetricsNow {
  connections: number;
  requests: number;
  uploads: number;
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** From a manifest out of memory to a large layer over a slow line. */
const DURATION_BUCKETS_S = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 600];

/** Those of the process: one set for all servers in it, because what observes them can never be ended. */
let ofProcess: MetricsRegistry | undefined;

/**
 * Every label has few values that the server chose: a client cannot make more of them. prom-client is loaded here,
 * for those who ask for metrics, and keeps its numbers in a registry of this server's own.
 */
export async function createMetrics(): Promise<Metrics> {
  // The whole module: of CommonJS the bundle knows no names.
  const { default: prometheus } = await import('prom-client');
  const { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } = prometheus;
  const registry = new Registry();
  const registers = [registry];
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  const shared = ofProcess;

  const requests = new Counter({
    name: 'lading_http_requests_total',
    help: 'Requests whose answer is over.',
    labelNames: ['method', 'route', 'status'],
    registers,
  });
  const incomplete = new Counter({
    name: 'lading_http_incomplete_total',
    help: 'Answers that were cut before their end, by the client or by a failure.',
    labelNames: ['route'],
    registers,
  });
  const duration = new Histogram({
    name: 'lading_http_request_duration_seconds',
    help: 'From the head of a request to the end of its answer.',
    labelNames: ['method', 'route'],
    buckets: DURATION_BUCKETS_S,
    registers,
  });
  const sent = new Counter({
    name: 'lading_http_sent_bytes_total',
    help: 'Bytes of the bodies of answers.',
    labelNames: ['route'],
    registers,
  });
  const received = new Counter({
    name: 'lading_http_received_bytes_total',
    help: 'Bytes of the bodies of requests.',
    labelNames: ['route'],
    registers,
  });
  const conversions = new Counter({
    name: 'lading_conversions_total',
    help: 'Answers with a manifest in another form than it is stored in.',
    registers,
  });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const gauges = {
    connections: gauge('lading_http_connections', 'Open connections.'),
    requests: gauge('lading_http_requests_in_progress', 'Requests under way.'),
    uploads: gauge('lading_uploads_in_progress', 'Requests under way that bring a part of a blob.'),
  };

  return {
    count({ method: asked, route, status, bytes, received: receivedBytes, complete, durationMs }) {
      const method = METHODS.has(asked) ? asked : 'other';
      requests.inc({ method, route, status: String(status) });
      duration.observe({ method, route }, durationMs / 1000);
      sent.inc({ route }, bytes);
      received.inc({ route }, receivedBytes);
      if (!complete) incomplete.inc({ route });
    },
    countConversion: () => conversions.inc(),
    async render(now) {
      gauges.connections.set(now.connections);
      gauges.requests.set(now.requests);
      gauges.uploads.set(now.uploads);
      const parts = await Promise.all([registry.metrics(), shared.metrics()]);
      return { contentType: registry.contentType, text: parts.join('') };
    },
  };
}
