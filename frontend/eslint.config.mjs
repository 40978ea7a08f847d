import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

/** Imports go one way: app → features → components → lib → components/ui. */
const forbid = (...patterns) => ({
  "no-restricted-imports": ["error", { patterns: patterns.map((group) => ({ group: [group] })) }],
});

export default tseslint.config(
  { ignores: [".next/", "out/", "node_modules/", "next-env.d.ts", "lib/api/schema.d.ts"] },
  ...tseslint.configs.strict,
  ...tseslint.configs.stylistic,
  jsxA11y.flatConfigs.strict,
  reactHooks.configs.flat["recommended-latest"],
  {
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-definitions": "off",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", ignoreRestSiblings: true }],
      "jsx-a11y/no-autofocus": ["error", { ignoreNonDOM: true }],
      "max-lines": ["error", { max: 250 }],
      "no-console": "error",
    },
  },
  {
    files: ["**/*.tsx"],
    rules: { "max-lines-per-function": ["error", { max: 150 }] },
  },
  { files: ["lib/**"], rules: forbid("@/app/*", "@/features/*", "@/components/*") },
  { files: ["components/**"], rules: forbid("@/app/*", "@/features/*") },
  ...["access", "composer", "home", "navigation", "thread"].map((feature) => ({
    files: [`features/${feature}/**`],
    rules: forbid("@/app/*", "@/features/*"),
  })),
  { files: ["e2e/**", "scripts/**"], rules: { "no-console": "off" } },
);
