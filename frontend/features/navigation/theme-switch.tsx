"use client";

import { MoonIcon, SunIcon, SystemIcon } from "@/components/icons";
import { setTheme, useTheme, type Theme } from "@/lib/theme";

const CHOICES: { theme: Theme; label: string; icon: typeof SunIcon }[] = [
  { theme: "light", label: "Light", icon: SunIcon },
  { theme: "dark", label: "Dark", icon: MoonIcon },
  { theme: "system", label: "As the system", icon: SystemIcon },
];

export function ThemeSwitch() {
  const current = useTheme();
  return (
    <div role="group" aria-label="Theme" className="flex rounded-control">
      {CHOICES.map(({ theme, label, icon: Icon }) => (
        <button
          key={theme}
          type="button"
          aria-label={label}
          title={label}
          aria-pressed={current === theme}
          onClick={() => setTheme(theme)}
          className="flex size-8 items-center justify-center rounded-control text-text-3 transition-colors duration-[120ms] hover:text-text aria-pressed:bg-hover aria-pressed:text-text"
        >
          <Icon />
        </button>
      ))}
    </div>
  );
}
