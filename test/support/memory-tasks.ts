import { DomainError } from '../../functions/shared/errors.ts';
import type { TaskStarter } from '../../functions/shared/task/begin.ts';
import type { TaskRepository } from '../../functions/shared/task/repository.ts';
import { type Task, taskSchema } from '../../functions/shared/task/task.ts';

/** Tasks over plain memory, and what was asked of the queue of starts and of the schedules, in its order. */
export class MemoryTasks {
  readonly steps: string[] = [];
  /** Called before each update, as another writer. */
  interfere: ((task: Task) => void) | undefined;
  readonly #tasks: Map<string, Task>;

  /** @param tasks where they are kept; another's, to share them. */
  constructor(tasks: Map<string, Task> = new Map()) {
    this.#tasks = tasks;
  }

  readonly repository: Pick<TaskRepository, 'get' | 'put' | 'update' | 'delete'> = {
    get: async (taskKey) => this.#tasks.get(taskKey),
    put: async (task) => {
      this.steps.push('put');
      this.#tasks.set(task.key, taskSchema.parse(task));
    },
    update: async (task, { revision }) => {
      const stored = this.#tasks.get(task.key);
      if (stored !== undefined) {
        this.interfere?.(stored);
      }
      if (this.#tasks.get(task.key)?.revision !== revision) {
        return 'contended';
      }
      this.steps.push('update');
      this.#tasks.set(task.key, taskSchema.parse({ ...task, revision: revision + 1 }));
      return 'updated';
    },
    delete: async (taskKey) => {
      this.steps.push('delete');
      if (!this.#tasks.delete(taskKey)) {
        throw new DomainError('RESOURCE_NOT_FOUND', [taskKey]);
      }
    },
  };

  readonly starter: TaskStarter = {
    queue: {
      start: async ({ trigger, due }) => {
        this.steps.push(['start', trigger, due].filter(Boolean).join(' '));
      },
    },
    schedule: {
      arm: async ({ due }) => {
        this.steps.push(`arm ${due.toISOString()}`);
      },
      disarm: async ({ due }) => {
        this.steps.push(`disarm ${due.toISOString()}`);
      },
    },
  };

  /** Store a task as a test has it. */
  add(task: Task): Task {
    this.#tasks.set(task.key, task);
    return task;
  }

  task(taskKey: string): Task {
    const task = this.#tasks.get(taskKey);
    if (task === undefined) {
      throw new Error(`No task ${taskKey}`);
    }
    return task;
  }
}
