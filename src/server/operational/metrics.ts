import type { Registry as MetricsRegistry } from 'prom-client';
import type { AccessEntry } from './access-log.js';

/** Counters over the lifetime of a server, in the text format of Prometheus. */
export interface Metrics {
  /** Counts a request that has ended. */
  count(entry: AccessEntry): void;
  /** Counts an answer with a converted manifest. */
  countConversion(): void;
  /** Renders all counters, and the gauges in `now`. */
  render(now: MetricsNow): Promise<{ contentType: string; text: string }>;
}

export interface MetricsNow {
  connections: number;
  requests: number;
  uploads: number;
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** From a manifest in memory to a large layer over a slow connection. */
const DURATION_BUCKETS_S = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 600];

/** Metrics of the process: one set for all servers in it, because prom-client cannot stop collecting them. */
let ofProcess: MetricsRegistry | undefined;

/**
 * Creates the metrics of a server. The server chooses all label values, so a client cannot create more of them.
 * prom-client is loaded only here, for those who use metrics, with a registry for this server.
 */
export async function createMetrics(): Promise<Metrics> {
  // The default export, because the bundle provides no named exports of CommonJS modules.
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
    help: 'Requests that have been answered.',
    labelNames: ['method', 'route', 'status'],
    registers,
  });
  const incomplete = new Counter({
    name: 'lading_http_incomplete_total',
    help: 'Responses that were cut before their end, by the client or by a failure.',
    labelNames: ['route'],
    registers,
  });
  const duration = new Histogram({
    name: 'lading_http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its response.',
    labelNames: ['method', 'route'],
    buckets: DURATION_BUCKETS_S,
    registers,
  });
  const sent = new Counter({
    name: 'lading_http_sent_bytes_total',
    help: 'Bytes sent in response bodies.',
    labelNames: ['route'],
    registers,
  });
  const received = new Counter({
    name: 'lading_http_received_bytes_total',
    help: 'Bytes received in request bodies.',
    labelNames: ['route'],
    registers,
  });
  const conversions = new Counter({
    name: 'lading_conversions_total',
    help: 'Responses with a manifest that was converted from the stored one.',
    registers,
  });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const gauges = {
    connections: gauge('lading_http_connections', 'Open connections.'),
    requests: gauge('lading_http_requests_in_progress', 'Running requests.'),
    uploads: gauge('lading_uploads_in_progress', 'Running requests that upload a part of a blob.'),
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
