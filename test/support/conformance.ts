import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** An answer: its status and body, as captured from a real bk-repo or as given by us. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Where two answers differ, as paths (`status`, `data[].id`), each once and in their order. */
export type Differences = readonly string[];

/** A date that a server chose at the time of the call: from 2026 on; what senders gave lies before or far behind. */
const CHOSEN_DATE = /"20(?:2[6-9]|3[0-9])-\d\d-\d\dT[\d:.]+"/g;

/**
 * Compares answers to the same requests. Not compared are `traceId`, the digits of dates that the servers chose, and
 * ids that they made up; but an id must stand for the same thing throughout, in requests, too.
 */
export class Comparison {
  readonly #ids = new Map<string, string>();

  /** A captured text with our ids in place of its own. */
  translate(text: string): string {
    let translated = text;
    for (const [captured, ours] of this.#ids) {
      translated = translated.replaceAll(captured, ours);
    }
    return translated;
  }

  differences(captured: Answer, ours: Answer): Differences {
    const there = parsed(captured);
    const here = parsed(ours);
    this.#learnIds(there, here);
    const found = new Set<string>();
    collect(parsed({ ...captured, body: this.translate(captured.body) }), here, '', found);
    return [...found];
  }

  #learnIds(there: unknown, here: unknown): void {
    if (Array.isArray(there) && Array.isArray(here) && there.length === here.length) {
      for (const [index, item] of there.entries()) {
        this.#learnIds(item, here[index]);
      }
      return;
    }
    if (!isObject(there) || !isObject(here)) {
      return;
    }
    for (const [name, value] of Object.entries(there)) {
      const other: unknown = here[name];
      const isId = name === 'id' || name === 'key';
      if (isId && typeof value === 'string' && typeof other === 'string' && value.length === other.length) {
        this.#ids.set(value, other);
      }
      this.#learnIds(value, other);
    }
  }
}

function parsed({ status, body }: Answer): unknown {
  if (body === '') {
    return { status };
  }
  const content: unknown = JSON.parse(body.replaceAll(CHOSEN_DATE, '"<chosen>"'));
  if (!isObject(content)) {
    return { status, content };
  }
  const { traceId: _trace, timestamp: _timestamp, ...rest } = content;
  return { ...rest, status: 'status' in rest ? rest['status'] : status };
}

function collect(there: unknown, here: unknown, path: string, found: Set<string>): void {
  if (Array.isArray(there) && Array.isArray(here)) {
    collectItems(there, here, path, found);
    return;
  }
  if (isObject(there) && isObject(here)) {
    for (const name of new Set([...Object.keys(there), ...Object.keys(here)])) {
      collect(there[name], here[name], path === '' ? name : `${path}.${name}`, found);
    }
    return;
  }
  if (!Object.is(there, here)) {
    found.add(path);
  }
}

/** Items with ids are compared by them, texts as a set, since no order is promised of those; `[-]` says that some are there only, `[+]` that some are here only. */
function collectItems(
  there: readonly unknown[],
  here: readonly unknown[],
  path: string,
  found: Set<string>,
): void {
  const idOf = (item: unknown, index: number) => {
    if (typeof item === 'string') {
      return item;
    }
    return isObject(item) && 'id' in item ? item['id'] : index;
  };
  const theirs = new Map(there.map((item, index) => [idOf(item, index), item]));
  const ours = new Map(here.map((item, index) => [idOf(item, index), item]));
  const common = [...theirs.keys()].filter((id) => ours.has(id));
  if (theirs.size > common.length) {
    found.add(`${path}[-]`);
  }
  if (ours.size > common.length) {
    found.add(`${path}[+]`);
  }
  const isOrdered = !here.every((item) => typeof item === 'string');
  if (
    isOrdered &&
    [...ours.keys()].filter((id) => theirs.has(id)).some((id, index) => id !== common[index])
  ) {
    found.add(`${path}[order]`);
  }
  for (const id of common) {
    collect(theirs.get(id), ours.get(id), `${path}[]`, found);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** How many answers were compared, and how many of them differ on purpose. */
export interface Figures {
  readonly compared: number;
  readonly different: number;
}

const FIGURES = /^\| (?<compared>\d+) [^|]+\| (?<equal>\d+) \| (?<different>\d+) \| 0 \|$/gm;

/** The figures that docs/conformance.md states, first those of the exchanges, then those of the requests of a sender. */
export function statedFigures(): Figures[] {
  return [...readFileSync(PAGE, 'utf8').matchAll(FIGURES)].map(({ groups }) => ({
    compared: Number(groups?.['equal']) + Number(groups?.['different']),
    different: Number(groups?.['different']),
  }));
}

const PAGE = fileURLToPath(new URL('../../docs/conformance.md', import.meta.url));
const rowSchema = z.tuple([z.string(), z.string(), z.string().min(1)]);

/**
 * The differences on purpose that docs/conformance.md names under a heading: by exchange, in what they differ. Every
 * row of the table has the exchanges, in what they differ, and the reason.
 *
 * @throws Error when an exchange stands in two rows, or a row has no reason.
 */
export function differencesOnPurpose(heading: string): Map<string, Differences> {
  const section = readFileSync(PAGE, 'utf8')
    .split(/^## /m)
    .find((text) => text.startsWith(`${heading}\n`));
  const named = new Map<string, Differences>();
  const rows = (section ?? '').split('\n').filter((line) => line.startsWith('| `'));
  for (const row of rows) {
    const cells = row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim());
    const [exchanges, differences] = rowSchema.parse(cells);
    for (const exchange of quoted(exchanges)) {
      if (named.has(exchange)) {
        throw new Error(`${exchange} stands in two rows`);
      }
      named.set(exchange, quoted(differences));
    }
  }
  return named;
}

function quoted(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text ?? '');
}
