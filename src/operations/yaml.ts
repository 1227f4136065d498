// In a file of its own so that the names of a CommonJS package are found when it is loaded late, in the bundle too.
export { parse as parseYAML } from 'yaml';
