import { AmbiguousHeader, HeaderProblem } from './header.js';

/**
 * Parses the records of a pax extended header, each `<length> <key>=<value>\n` (POSIX pax, "pax Extended Header").
 * Throws `HeaderProblem` for any malformed record: tools that skip it read other names and sizes than tools that can
 * parse it. An empty value means that the record is absent.
 */
export function parsePax(body: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let position = 0; position < body.length; ) {
    const space = body.indexOf(0x20, position);
    // The size of the header is limited, so no valid length has more than ten digits.
    const digits = space < 0 || space - position > 10 ? '' : body.toString('latin1', position, space);
    const end = position + Number(digits);
    if (!/^[1-9][0-9]*$/.test(digits) || end > body.length || end <= space + 1 || body[end - 1] !== 0x0a) {
      throw new HeaderProblem('its pax header is malformed');
    }
    const record = body.toString('utf8', space + 1, end - 1);
    const equals = record.indexOf('=');
    if (equals <= 0) throw new HeaderProblem('its pax header is malformed');
    const key = record.slice(0, equals);
    if (records.has(key)) throw new AmbiguousHeader(`its pax header has two records of ${key.slice(0, 100)}`);
    records.set(key, record.slice(equals + 1));
    position = end;
  }
  return records;
}
