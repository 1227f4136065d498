/** Returns the name of the variable for a flag. */
export function variableOf(flag: string): string {
  return `LADING_${flag.toUpperCase().replaceAll('-', '_')}`;
}
