/** What a request names: a path as the client wrote it, and the query. */
export interface Target {
  path: string;
  query: URLSearchParams;
}

/** Without `new URL`, which would resolve `..` before anybody has looked at it. */
export function splitTarget(target: string): Target {
  // A proxy's absolute form (RFC 9112, 3.2.2): the authority is ours, whatever it says.
  const origin = /^https?:\/\/[^/?#]*/i.exec(target)?.[0] ?? '';
  const mark = target.indexOf('?');
  const end = mark < 0 ? target.length : mark;
  return { path: target.slice(origin.length, end), query: new URLSearchParams(target.slice(end)) };
}
