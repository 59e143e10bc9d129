/** Languages that the contract's texts exist in. */
export type Language = 'en' | 'zh';

/** More entries than any client sends; the rest of a longer header is not read. */
const MAX_ENTRIES = 32;

/**
 * Language of the texts for an `Accept-Language` header: the first of its entries, by weight and then by place,
 * that is English or Chinese; English when there is none.
 *
 * Every Chinese (`zh`, `zh-CN`, `zh-TW`, `zh-Hans-CN` …) gets the Simplified texts (wire contract, "Envelope,
 * errors, languages"); bk-repo itself answered plain `zh` in English.
 */
export function languageOf(acceptLanguage: string | undefined): Language {
  const entries = (acceptLanguage ?? '')
    .split(',', MAX_ENTRIES)
    .map(parseEntry)
    .filter((entry) => entry.weight > 0)
    .sort((left, right) => right.weight - left.weight);
  for (const { primary } of entries) {
    if (primary === 'zh' || primary === 'en') {
      return primary;
    }
  }
  return 'en';
}

function parseEntry(entry: string): { readonly primary: string; readonly weight: number } {
  const [range = '', ...parameters] = entry.split(';');
  const quality = parameters.map((text) => text.trim()).find((text) => /^q=/i.test(text));
  const weight = quality === undefined ? 1 : Number(quality.slice(2));
  const primary = range.trim().toLowerCase().split('-', 1)[0] ?? '';
  return { primary, weight: Number.isNaN(weight) ? 0 : weight };
}
