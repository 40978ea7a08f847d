import { MenuIcon } from "./icons";
import { Button } from "./ui/button";

/** Opens the list of threads where the screen is too small to show it. */
export function MenuButton({ onClick }: { onClick: () => void }) {
  return (
    <Button
      look="quiet"
      size="icon"
      aria-label="Threads"
      onClick={onClick}
      className="size-11 md:hidden"
    >
      <MenuIcon />
    </Button>
  );
}
