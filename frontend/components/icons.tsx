import type { ComponentProps, ReactNode } from "react";

type IconProps = ComponentProps<"svg">;

function Icon({ children, ...props }: IconProps & { children: ReactNode }) {
  return (
    <svg
      viewBox="0 0 16 16"
      width={16}
      height={16}
      fill="none"
      stroke="currentColor"
      strokeWidth={1.5}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      {...props}
    >
      {children}
    </svg>
  );
}

const draw = (name: string, children: ReactNode) => {
  const Drawn = (props: IconProps) => <Icon {...props}>{children}</Icon>;
  Drawn.displayName = name;
  return Drawn;
};

export const PlusIcon = draw("PlusIcon", <path d="M8 3v10M3 8h10" />);
export const SendIcon = draw("SendIcon", <path d="M8 13V3M3.5 7.5 8 3l4.5 4.5" />);
export const StopIcon = draw(
  "StopIcon",
  <rect x="4.5" y="4.5" width="7" height="7" rx="1" fill="currentColor" />,
);
export const ChevronIcon = draw("ChevronIcon", <path d="m6 4 4 4-4 4" />);
export const DownIcon = draw("DownIcon", <path d="M8 3v10M3.5 8.5 8 13l4.5-4.5" />);
export const CheckIcon = draw("CheckIcon", <path d="m3.5 8.5 3 3 6-7" />);
export const CrossIcon = draw("CrossIcon", <path d="m4.5 4.5 7 7m0-7-7 7" />);
export const AlertIcon = draw(
  "AlertIcon",
  <>
    <circle cx="8" cy="8" r="6" />
    <path d="M8 5v3.5M8 10.9v.1" />
  </>,
);
export const CopyIcon = draw(
  "CopyIcon",
  <>
    <rect x="5.5" y="5.5" width="7.5" height="7.5" rx="1.5" />
    <path d="M3 10.5V4.5A1.5 1.5 0 0 1 4.5 3h6" />
  </>,
);
export const HandIcon = draw(
  "HandIcon",
  <path d="M5 8V4.2a1 1 0 0 1 2 0V7m0-.5V3a1 1 0 0 1 2 0v3.5m0 .5V3.8a1 1 0 0 1 2 0V9c0 2.8-1.4 4.5-3.7 4.5-2 0-2.8-1-3.6-2.4L2.5 9a1 1 0 0 1 1.7-1L5 9" />,
);
export const ToolIcon = draw(
  "ToolIcon",
  <path d="M9.8 4.3a2.9 2.9 0 0 1 3.6-1L11.5 5.200l.4 1.4 1.4.4 1.9-1.9" transform="translate(-1.2 .2)" />,
);
export const ClockIcon = draw(
  "ClockIcon",
  <>
    <circle cx="8" cy="8" r="5.5" />
    <path d="M8 5v3l2 1.5" />
  </>,
);
export const MenuIcon = draw("MenuIcon", <path d="M2.5 5h11M2.5 11h11" />);
export const SunIcon = draw(
  "SunIcon",
  <>
    <circle cx="8" cy="8" r="2.75" />
    <path d="M8 1.500v1.250M8 13.250v1.250M1.5 8h1.250M13.250 8h1.250M3.4 3.400l.9.9M11.7 11.700l.9.9M3.4 12.600l.9-.9M11.7 4.300l.9-.9" />
  </>,
);
export const MoonIcon = draw("MoonIcon", <path d="M13 9.500A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.500Z" />);
export const SystemIcon = draw(
  "SystemIcon",
  <>
    <rect x="2.5" y="3" width="11" height="7.5" rx="1.5" />
    <path d="M6 13h4" />
  </>,
);
