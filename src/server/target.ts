/** The target of a request: the path as the client wrote it, and the query. */
export interface Target {
  path: string;
  query: URLSearchParams;
}

/** Splits a request target, without `new URL`, which would resolve `..` before the path is checked. */
export function splitTarget(target: string): Target {
  // A proxy may send an absolute URL (RFC 9112, 3.2.2); its authority is ignored.
  const origin = /^https?:\/\/[^/?#]*/i.exec(target)?.[0] ?? '';
  const mark = target.indexOf('?');
  const end = mark < 0 ? target.length : mark;
  return { path: target.slice(origin.length, end), query: new URLSearchParams(target.slice(end)) };
}
