import type { LogWarning } from '../slot/preflight.ts';
import { filled } from './error-catalogue.ts';
import type { Language } from './language.ts';

/** The texts of what an answer warns of beside its success. */
const WARNING_CATALOGUE: Readonly<
  Record<LogWarning['code'], { readonly english: string; readonly chinese: string }>
> = {
  LOG_MISSING: {
    english:
      'The log collection {0} does not exist: nothing is replicated until it does, and it must be capped',
    chinese: '操作日志集合{0}不存在：在其创建为固定集合之前不会同步任何内容',
  },
  LOG_NOT_CAPPED: {
    english:
      'The log collection {0} is not capped: its order of reading is not certain, and it grows without end',
    chinese: '操作日志集合{0}不是固定集合：读取顺序无法保证，且会无限增长',
  },
  LOG_TOO_SMALL: {
    english:
      'The log collection {0} of {1} bytes holds some {2} entries; {3} can be written before it is read again, and what was overwritten is lost to the log',
    chinese:
      '操作日志集合{0}（{1}字节）约可容纳{2}条记录；两次读取之间可能写入{3}条，被覆盖的记录将无法从日志中读取',
  },
};

/** Warnings as answers show them, in the caller's language. */
export function warningsAnswer(
  warnings: readonly LogWarning[],
  language: Language,
): { readonly code: LogWarning['code']; readonly message: string }[] {
  return warnings.map(({ code, args }) => {
    const { english, chinese } = WARNING_CATALOGUE[code];
    return { code, message: filled(language === 'zh' ? chinese : english, args) };
  });
}
