/**
 * The matrix of conflicts, written down by hand: what each kind of event does at a target that has this or that in its way.
 *
 * A tree is its nodes, with blanks between: `in=ours` is a file at `/in` with that content, `d/` a folder, `{team}` says that a
 * node has the metadata `team`, and `!` that it expires. `theirs` is content that the source never had.
 */
export type Tree = string;

/** One thing done at the source. Paths without their first slash. */
export type Step =
  | { readonly put: string; readonly content: string }
  | { readonly folder: string }
  | { readonly rename: string; readonly to: string }
  | { readonly move: string; readonly to: string }
  | { readonly copy: string; readonly to: string }
  | { readonly remove: string }
  | { readonly expire: string }
  | { readonly save: string }
  | { readonly unsave: string };

/** Something of others' that an event meets. */
export interface InTheWay {
  /** Where. */
  readonly path: string;
  /** The target under SKIP. Under FAST_FAIL it stays what it was. */
  readonly kept: Tree;
}

export interface Row {
  readonly operation: string;
  readonly state: string;
  /** Done at the source long before, without the worker; then what is logged and applied. */
  readonly past: readonly Step[];
  readonly change: Step;
  readonly target: Tree;
  /** The target when the event was applied and whatever was in the way replaced. */
  readonly applied: Tree;
  /** Absent where nothing of others' is in the way. */
  readonly conflict?: InTheWay | undefined;
}

/** What is in an event's way. */
interface State {
  readonly state: string;
  /** More of the source's past. */
  readonly past?: readonly Step[];
  readonly target: Tree;
  readonly applied: Tree;
  readonly conflict?: InTheWay;
}

const put = (path: string, content: string): Step => ({ put: path, content });

function rows(
  operation: string,
  past: readonly Step[],
  change: Step,
  states: readonly State[],
): readonly Row[] {
  return states.map((state) => ({
    ...state,
    operation,
    past: [...(state.past ?? []), ...past],
    change,
  }));
}

/** The source has had another version at the path, and has removed it. */
const hadFile = (path: string): readonly Step[] => [put(path, 'older'), { remove: path }];

/**
 * A file comes to `/in`, where the source has nothing now.
 *
 * Equal content and older versions of the source's are replaced under every policy; content and folders of others' are conflicts.
 *
 * @param before what the target has beside it before, and `after` that.
 */
function fileComes(before: Tree, after: Tree): readonly State[] {
  const applied = tree('in=ours', after);
  const foreign = (what: string, nodes: Tree): State => ({
    state: what,
    target: tree(nodes, before),
    applied,
    conflict: { path: 'in', kept: tree(nodes, after) },
  });
  return [
    { state: 'nothing', target: before, applied },
    { state: 'equal content', target: tree('in=ours', before), applied },
    { state: 'our older version', past: hadFile('in'), target: tree('in=older', before), applied },
    foreign('content of others', 'in=theirs'),
    foreign('a folder in its way', 'in/'),
    foreign('a folder with a file of others', 'in/ in/z=theirs'),
  ];
}

/**
 * A folder of two files comes to `/in`, where the source has nothing now: nodes of others stay one by one, and the rest is
 * brought; what they have beside it is in nobody's way.
 */
function folderComes(at: string, before: Tree, after: Tree): readonly State[] {
  const applied = tree(`${at}/ ${at}/x=one ${at}/y=two`, after);
  const [top = at] = at.split('/');
  const older: readonly Step[] = [put(`${at}/x`, 'older'), { remove: top }];
  return [
    { state: 'nothing', target: before, applied },
    { state: 'equal nodes', target: tree(`${at}/ ${at}/x=one ${at}/y=two`, before), applied },
    { state: 'our older version', past: older, target: tree(`${at}/ ${at}/x=older`, before), applied },
    {
      state: 'content of others below',
      target: tree(`${at}/ ${at}/x=theirs`, before),
      applied,
      conflict: { path: `${at}/x`, kept: tree(`${at}/ ${at}/x=theirs ${at}/y=two`, after) },
    },
    {
      state: 'a file in its way',
      target: tree(`${at}=theirs`, before),
      applied,
      // A file can have children.
      conflict: { path: at, kept: tree(`${at}=theirs ${at}/x=one ${at}/y=two`, after) },
    },
    {
      state: 'another node of others below',
      target: tree(`${at}/ ${at}/z=theirs`, before),
      applied: tree(applied, `${at}/z=theirs`),
    },
  ];
}

const FILE: readonly Step[] = [put('a', 'ours')];
const FOLDER: readonly Step[] = [put('d/x', 'one'), put('d/y', 'two')];
const FOLDER_TREE = 'd/ d/x=one d/y=two';

/** Of a remote that tells digests. */
export const ROWS: readonly Row[] = [
  ...rows('file created', [], put('in', 'ours'), fileComes('', '')),
  ...rows('file overwritten', [put('in', 'older')], put('in', 'ours'), fileComes('', '')),
  ...rows('folder created', [], { folder: 'in' }, [
    { state: 'nothing', target: '', applied: 'in/' },
    { state: 'a folder', target: 'in/', applied: 'in/' },
    { state: 'a folder with a file of others', target: 'in/ in/z=theirs', applied: 'in/ in/z=theirs' },
    { state: 'a file that was ours', past: hadFile('in'), target: 'in=older', applied: 'in/' },
    {
      state: 'a file in its way',
      target: 'in=theirs',
      applied: 'in/',
      conflict: { path: 'in', kept: 'in=theirs' },
    },
  ]),
  ...rows('file renamed', FILE, { rename: 'a', to: 'in' }, fileComes('a=ours', '')),
  ...rows('folder renamed', FOLDER, { rename: 'd', to: 'in' }, folderComes('in', FOLDER_TREE, '')),
  ...rows('file moved', FILE, { move: 'a', to: 'in' }, fileComes('a=ours', '')),
  ...rows(
    'file moved onto a file',
    [...FILE, put('in', 'older')],
    { move: 'a', to: 'in' },
    fileComes('a=ours', ''),
  ),
  ...rows('file moved into a folder', [...FILE, { folder: 'in' }], { move: 'a', to: 'in' }, [
    { state: 'nothing', target: 'a=ours in/', applied: 'in/ in/a=ours' },
    {
      state: 'content of others',
      target: 'a=ours in/ in/a=theirs',
      applied: 'in/ in/a=ours',
      conflict: { path: 'in/a', kept: 'in/ in/a=theirs' },
    },
    {
      state: 'a folder in its way',
      target: 'a=ours in/ in/a/',
      applied: 'in/ in/a=ours',
      conflict: { path: 'in/a', kept: 'in/ in/a/' },
    },
  ]),
  ...rows('folder moved', FOLDER, { move: 'd', to: 'in' }, folderComes('in', FOLDER_TREE, '')),
  ...rows(
    'folder moved into a folder',
    [...FOLDER, { folder: 'in' }],
    { move: 'd', to: 'in' },
    folderComes('in/d', `${FOLDER_TREE} in/`, 'in/'),
  ),
  ...rows('file copied', FILE, { copy: 'a', to: 'in' }, fileComes('a=ours', 'a=ours')),
  ...rows('folder copied', FOLDER, { copy: 'd', to: 'in' }, folderComes('in', FOLDER_TREE, FOLDER_TREE)),
  // A deletion is no incoming node: it takes away what is at its path, whoever put that there.
  ...rows('file deleted', [put('in', 'ours')], { remove: 'in' }, [
    { state: 'nothing', target: '', applied: '' },
    { state: 'the content', target: 'in=ours', applied: '' },
    { state: 'content of others', target: 'in=theirs', applied: '' },
    { state: 'a folder with a file of others', target: 'in/ in/z=theirs', applied: '' },
  ]),
  ...rows('folder deleted', [put('in/x', 'one')], { remove: 'in' }, [
    { state: 'equal nodes', target: 'in/ in/x=one', applied: '' },
    { state: 'a node of others below', target: 'in/ in/x=one in/z=theirs', applied: '' },
    { state: 'a file in its place', target: 'in=theirs', applied: '' },
  ]),
  // What is said of a node is said of whatever is at its path; where nothing is, the source's node comes.
  ...rows('expiry updated', [put('in', 'ours')], { expire: 'in' }, [
    { state: 'nothing', target: '', applied: 'in=ours!' },
    { state: 'the content', target: 'in=ours', applied: 'in=ours!' },
    { state: 'content of others', target: 'in=theirs', applied: 'in=theirs!' },
  ]),
  ...rows('metadata saved', [put('in', 'ours')], { save: 'in' }, [
    { state: 'nothing', target: '', applied: 'in=ours{team}' },
    { state: 'the content', target: 'in=ours', applied: 'in=ours{team}' },
    { state: 'content of others', target: 'in=theirs', applied: 'in=theirs{team}' },
    { state: 'a folder in its place', target: 'in/', applied: 'in/{team}' },
  ]),
  ...rows('metadata deleted', [put('in', 'ours'), { save: 'in' }], { unsave: 'in' }, [
    { state: 'nothing', target: '', applied: '' },
    { state: 'the content', target: 'in=ours{team}', applied: 'in=ours' },
    { state: 'content of others', target: 'in=theirs{team}', applied: 'in=theirs' },
  ]),
];

/**
 * Of a remote of the base contract, which tells that something is there, and no more: where the source has had a node before,
 * that is taken for its own, and where its node is new, for somebody else's. A folder is taken to be there where anything is.
 */
export const BASE_ROWS: readonly Row[] = [
  ...rows('file created', [], put('in', 'ours'), [
    { state: 'nothing', target: '', applied: 'in=ours' },
    {
      state: 'equal content',
      target: 'in=ours',
      applied: 'in=ours',
      conflict: { path: 'in', kept: 'in=ours' },
    },
    { state: 'our older version', past: hadFile('in'), target: 'in=older', applied: 'in=ours' },
    {
      state: 'content of others where we have had a file',
      past: hadFile('in'),
      target: 'in=theirs',
      applied: 'in=ours',
    },
    {
      state: 'content of others',
      target: 'in=theirs',
      applied: 'in=ours',
      conflict: { path: 'in', kept: 'in=theirs' },
    },
    {
      state: 'a folder in its way',
      target: 'in/',
      applied: 'in=ours',
      conflict: { path: 'in', kept: 'in/' },
    },
  ]),
  ...rows('file overwritten', [put('in', 'older')], put('in', 'ours'), [
    { state: 'our older version', target: 'in=older', applied: 'in=ours' },
    { state: 'content of others', target: 'in=theirs', applied: 'in=ours' },
  ]),
  ...rows('folder created', [], { folder: 'in' }, [
    { state: 'a folder with a file of others', target: 'in/ in/z=theirs', applied: 'in/ in/z=theirs' },
    { state: 'a file in its way', target: 'in=theirs', applied: 'in=theirs' },
  ]),
  ...rows('file renamed', FILE, { rename: 'a', to: 'in' }, [
    { state: 'nothing', target: 'a=ours', applied: 'in=ours' },
    {
      state: 'content of others',
      target: 'a=ours in=theirs',
      applied: 'in=ours',
      conflict: { path: 'in', kept: 'in=theirs' },
    },
  ]),
  ...rows('folder renamed', FOLDER, { rename: 'd', to: 'in' }, [
    { state: 'nothing', target: FOLDER_TREE, applied: 'in/ in/x=one in/y=two' },
    {
      state: 'content of others below',
      target: `${FOLDER_TREE} in/ in/x=theirs`,
      applied: 'in/ in/x=one in/y=two',
      conflict: { path: 'in/x', kept: 'in/ in/x=theirs in/y=two' },
    },
  ]),
  ...rows('file deleted', [put('in', 'ours')], { remove: 'in' }, [
    { state: 'content of others', target: 'in=theirs', applied: '' },
  ]),
];

/** Nodes of both, each once, in their order. */
export function tree(...trees: readonly Tree[]): Tree {
  return [...new Set(trees.flatMap((each) => each.split(' ')).filter((node) => node !== ''))]
    .sort()
    .join(' ');
}
