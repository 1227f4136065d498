import { type Column, formatColumns } from './columns.js';
import { formatJSON } from './format.js';
import { findMember, type Shape, suggestMember } from './shape.js';
import { closest } from './suggest.js';
import { FUNCTIONS, isTrue, show, type TemplateFunction, type Typed } from './template-functions.js';
import { invalid, type Node, type Operand, type Pipeline, parseTemplate } from './template-syntax.js';

/** A template that prints documents of one shape. */
export interface Template {
  /** Throws `USAGE` for a name that documents of this shape do not have. */
  check(shape: Shape): void;
  /** Prints the documents, one a line, or as a table. */
  print(documents: readonly unknown[], shape: Shape): string;
}

/**
 * Reads the value of `--format`: a template as docker and podman take it, `table TEMPLATE` with tabs between its
 * columns, or `json` for a document a line. Throws `USAGE`.
 */
export function readTemplate(text: string): Template {
  if (text.trim() === 'json')
    return { check: () => undefined, print: (documents) => lines(documents.map((each) => formatJSON(each))) };
  const [, columns] = /^table\s+(.*)$/s.exec(text) ?? [];
  const nodes = parseTemplate(columns ?? text);
  return {
    check: (shape) => checkNodes(nodes, { root: shape, here: shape }),
    print(documents, shape) {
      const printed = documents.map((value) => {
        const document = { value, shape };
        return printNodes(nodes, { root: document, here: document });
      });
      if (columns === undefined) return lines(printed);
      return formatColumns(columnsOf([headersOf(nodes), ...printed].map((row) => row.split('\t'))));
    },
  };
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}

function columnsOf([headers = [], ...rows]: string[][]): Column[] {
  return headers.map((header, place) => ({ header, cells: rows.map((row) => row[place] ?? '') }));
}

/** What `$` and `.` are. */
interface Scope<T> {
  root: T;
  here: T;
}

function printNodes(nodes: readonly Node[], scope: Scope<Typed>): string {
  return nodes
    .map((node) => {
      if (node.kind === 'text') return node.text;
      const result = evaluate(node.pipeline, scope);
      if (node.kind === 'print') return show(result);
      if (node.kind === 'range') {
        const items = itemsOf(result);
        return items.length === 0
          ? printNodes(node.otherwise, scope)
          : items.map((here) => printNodes(node.body, { ...scope, here })).join('');
      }
      if (!isTrue(result.value)) return printNodes(node.otherwise, scope);
      return printNodes(node.body, node.kind === 'with' ? { ...scope, here: result } : scope);
    })
    .join('');
}

function itemsOf({ value, shape }: Typed): Typed[] {
  const each = eachOf(shape);
  if (Array.isArray(value)) return value.map((item: unknown) => ({ value: item, shape: each }));
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).map((item: unknown) => ({ value: item, shape: each }));
}

function evaluate(pipeline: Pipeline, scope: Scope<Typed>): Typed {
  let last: Typed | undefined;
  for (const { name, operands } of pipeline) {
    const args = [
      ...operands.map((operand) => operandOf(operand, scope)),
      ...(last === undefined ? [] : [last]),
    ];
    const known = name === undefined ? undefined : FUNCTIONS[name];
    last = known === undefined ? args[0] : resultOf(known, args);
  }
  return last ?? { value: undefined, shape: 'any' };
}

function resultOf({ run, gives = 'text' }: TemplateFunction, args: readonly Typed[]): Typed {
  return { value: run(...args), shape: gives, isSafe: gives !== 'any' };
}

function operandOf(operand: Operand, scope: Scope<Typed>): Typed {
  if (operand.kind === 'literal') return { value: operand.value, shape: 'any', isSafe: true };
  const start =
    operand.kind === 'group' ? evaluate(operand.pipeline, scope) : operand.isRoot ? scope.root : scope.here;
  return operand.names.reduce(memberOf, start);
}

function memberOf({ value, shape }: Typed, name: string): Typed {
  const inside = shapeOfMember(shape, name);
  if (typeof value !== 'object' || value === null) return { value: undefined, shape: inside };
  const member = findMember(Object.keys(value), name);
  const found = Object.entries(value).find(([key]) => key === member);
  return { value: found?.[1], shape: inside };
}

/** The same walk as `printNodes`, with shapes only: a mistake is found before anything is read or printed. */
function checkNodes(nodes: readonly Node[], scope: Scope<Shape>): void {
  for (const node of nodes) {
    if (node.kind === 'text') continue;
    const shape = shapeOf(node.pipeline, scope);
    if (node.kind === 'print') continue;
    const here = node.kind === 'range' ? eachOf(shape) : node.kind === 'with' ? shape : scope.here;
    checkNodes(node.body, { ...scope, here });
    checkNodes(node.otherwise, scope);
  }
}

function shapeOf(pipeline: Pipeline, scope: Scope<Shape>): Shape {
  let last: Shape | undefined;
  for (const { name, operands } of pipeline) {
    const args = [
      ...operands.map((operand) => shapeOfOperand(operand, scope)),
      ...(last === undefined ? [] : [last]),
    ];
    last = name === undefined ? plainValue(args, last) : shapeOfResult(name, args.length);
  }
  return last ?? 'any';
}

function plainValue(args: readonly Shape[], piped: Shape | undefined): Shape {
  if (piped !== undefined) throw invalid('only a function can stand after "|"');
  return args[0] ?? 'any';
}

function shapeOfResult(name: string, args: number): Shape {
  const known = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (known === undefined) {
    const names = Object.keys(FUNCTIONS);
    const meant = closest(name, names);
    const hint = meant === undefined ? `There are ${names.join(', ')}.` : `Did you mean ${meant}?`;
    throw invalid(`there is no function "${name}"`, hint);
  }
  const { from, to = args } = known;
  if (args < from || args > to)
    throw invalid(`${name} takes ${from === to ? from : `at least ${from}`} arguments, not ${args}`);
  return known.gives ?? 'text';
}

function shapeOfOperand(operand: Operand, scope: Scope<Shape>): Shape {
  if (operand.kind === 'literal') return 'any';
  const start =
    operand.kind === 'group' ? shapeOf(operand.pipeline, scope) : operand.isRoot ? scope.root : scope.here;
  return operand.names.reduce<Shape>(shapeOfMember, start);
}

function shapeOfMember(shape: Shape, name: string): Shape {
  if (shape === 'any') return 'any';
  const members: Readonly<Record<string, Shape>> =
    typeof shape === 'object' && 'members' in shape ? shape.members : {};
  const names = Object.keys(members);
  const found = members[findMember(names, name) ?? ''];
  if (found !== undefined) return found;
  const isList = typeof shape === 'object' && 'each' in shape;
  throw invalid(
    `there is no .${name}${isList ? ' of a list' : ''}`,
    isList
      ? `{{range .}}{{.${name}}}{{end}} prints it of each.`
      : names.length === 0
        ? undefined
        : suggestMember(names, name),
  );
}

function eachOf(shape: Shape): Shape {
  return typeof shape === 'object' && 'each' in shape ? shape.each : 'any';
}

/** The header of a table: the template with the name of each member instead of its value. */
function headersOf(nodes: readonly Node[]): string {
  return nodes
    .map((node) => {
      if (node.kind === 'text') return node.text;
      return node.kind === 'print' ? headerOf(node.pipeline) : headersOf(node.body);
    })
    .join('');
}

function headerOf(pipeline: Pipeline): string {
  for (const { operands } of pipeline)
    for (const operand of operands) {
      if (operand.kind === 'literal') continue;
      const name = operand.names.at(-1) ?? (operand.kind === 'group' ? headerOf(operand.pipeline) : '');
      if (name !== '') return name.replace(/([a-z])([A-Z])/g, '$1 $2').toUpperCase();
    }
  return '';
}
