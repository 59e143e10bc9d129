/** Who is said to have done what nobody is named for: bk-repo's own user. */
export const SYSTEM_OPERATOR = 'system';
