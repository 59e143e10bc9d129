/** An object with some of its methods replaced; the others work on it as they did. */
export function intercepted<Target extends object>(
  target: Target,
  methods: Readonly<Record<string, unknown>>,
): Target {
  return new Proxy(target, {
    get: (_, property) => {
      const own = typeof property === 'string' ? methods[property] : undefined;
      if (own !== undefined) {
        return own;
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
