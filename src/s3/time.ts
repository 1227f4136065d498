/** Returns a time of the service in milliseconds since 1970; undefined if it does not say one. */
export function timeOf(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? undefined : time;
}
