import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalCloudError } from './errors.ts';
import { runCommand } from './processes.ts';
import { downloadEnvironment, findOnPath, type InstallContext, installOnce, outputOf } from './toolbox.ts';

const requirements = fileURLToPath(new URL('python-requirements.txt', import.meta.url));

export interface Python {
  /** The interpreter of the private environment. */
  readonly interpreter: string;
  /** Install packages into a directory. */
  readonly installInto: (directory: string, packages: readonly string[]) => Promise<void>;
}

/** Whether a Python version such as `3.12.1` is one that MiniStack runs on (3.10 or later). */
export function isPythonNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 3 || (major === 3 && minor >= 10);
}

/**
 * The private Python environment with MiniStack in it, installed at the first call.
 *
 * @throws LocalCloudError when the machine has no Python that can make one.
 */
export async function preparePython(context: InstallContext): Promise<Python> {
  const base = await findPython();
  const directory = await installOnce({
    name: 'python',
    madeFrom: [base.version, readFileSync(requirements, 'utf8')],
    works: async (installed) => (await outputOf(interpreterIn(installed), ['--version'])) !== undefined,
    install: async (installing) => {
      context.log(`installing MiniStack with Python ${base.version} (first time only)`);
      await createEnvironment(base.command, installing, context);
    },
  });
  const interpreter = interpreterIn(directory);
  return {
    interpreter,
    installInto: async (target, packages) =>
      await pip((await hasPip(interpreter)) ? interpreter : base.command, context, [
        '--target',
        target,
        ...packages,
      ]),
  };
}

interface BasePython {
  readonly command: string;
  readonly version: string;
}

async function findPython(): Promise<BasePython> {
  const names = ['python3', 'python', ...[14, 13, 12, 11, 10].map((minor) => `python3.${minor}`)];
  const rejected: string[] = [];
  for (const name of names) {
    const command = findOnPath(name);
    const version =
      command === undefined
        ? undefined
        : await outputOf(command, ['-c', 'import platform; print(platform.python_version())']);
    if (command !== undefined && version !== undefined) {
      if (isPythonNewEnough(version)) {
        return { command, version };
      }
      rejected.push(`${name} is ${version}`);
    }
  }
  const found = rejected.length === 0 ? 'none was found' : rejected.join(', ');
  throw new LocalCloudError(
    `Python 3.10 or later is needed on the PATH (${found}): install it, then start again.`,
  );
}

/**
 * A virtual environment with the pinned packages. Debian ships Python without `ensurepip`: the environment is
 * made without pip then, and filled by the machine's own pip, if there is one.
 */
async function createEnvironment(base: string, directory: string, context: InstallContext): Promise<void> {
  const venv = async (...options: string[]): Promise<void> =>
    await runCommand({
      what: 'Making a Python environment',
      command: base,
      args: ['-m', 'venv', ...options, directory],
      log: 'install',
      env: downloadEnvironment(),
      context,
      advice: 'On Debian and Ubuntu, install the package python3-venv and start again.',
    });
  const interpreter = interpreterIn(directory);
  if ((await outputOf(base, ['-c', 'import ensurepip'])) !== undefined) {
    await venv();
    await pip(interpreter, context, ['--requirement', requirements]);
    return;
  }
  if (!(await hasPip(base))) {
    throw new LocalCloudError(
      `${base} has neither ensurepip nor pip: install python3-venv (Debian, Ubuntu) and start again.`,
    );
  }
  await venv('--without-pip');
  const packages = await outputOf(interpreter, [
    '-c',
    'import sysconfig; print(sysconfig.get_path("purelib"))',
  ]);
  await pip(base, context, ['--target', packages ?? join(directory, 'lib'), '--requirement', requirements]);
}

async function hasPip(python: string): Promise<boolean> {
  return (await outputOf(python, ['-m', 'pip', '--version'])) !== undefined;
}

async function pip(python: string, context: InstallContext, args: readonly string[]): Promise<void> {
  await runCommand({
    what: 'Installing Python packages',
    command: python,
    args: ['-m', 'pip', 'install', '--no-input', '--no-cache-dir', '--progress-bar', 'off', ...args],
    log: 'install',
    env: downloadEnvironment({
      PIP_DISABLE_PIP_VERSION_CHECK: '1',
      PIP_REQUIRE_VIRTUALENV: '0',
      PIP_USER: '0',
    }),
    context,
    advice: 'Check that this machine reaches a Python package index.',
  });
}

function interpreterIn(directory: string): string {
  return process.platform === 'win32'
    ? join(directory, 'Scripts', 'python.exe')
    : join(directory, 'bin', 'python');
}
