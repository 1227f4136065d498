import type { Method } from './transport.js';

/** A request that a registry or a mirror has answered. */
export interface AnsweredRequest {
  /** The registry or mirror that answered. */
  registry: string;
  /** The registry that has the content. */
  of: string;
  method: Method;
  content: 'manifest' | 'blob' | 'other';
  status: number;
}

/** Returns what the path of a request is for. */
export function contentOf(target: string): AnsweredRequest['content'] {
  const [, kind] = /\/(manifest|blob)s\/[^/]+$/.exec(target) ?? [];
  return kind === 'manifest' || kind === 'blob' ? kind : 'other';
}

/** True for what registries count as a pull: a GET of a manifest. (Docker Hub, "Pull usage and limits") */
export function isPull(method: Method, target: string): boolean {
  return method === 'GET' && contentOf(target) === 'manifest';
}
