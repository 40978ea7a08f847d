import { beforeEach, describe, expect, it } from "vitest";
import { BOOT_SCRIPT } from "./boot";

function open(address: string) {
  window.history.replaceState(null, "", address);
  new Function(BOOT_SCRIPT)();
}

beforeEach(() => localStorage.clear());

describe("the first script of a page", () => {
  it("keeps the token and takes it out of the address", () => {
    open("/chat?id=thr_1#token=hel_abc");

    expect(localStorage.getItem("helium.token")).toBe("hel_abc");
    expect(window.location.pathname + window.location.search + window.location.hash).toBe(
      "/chat?id=thr_1",
    );
  });

  it("leaves a kept token alone when the address has none", () => {
    localStorage.setItem("helium.token", "hel_old");

    open("/#elsewhere");

    expect(localStorage.getItem("helium.token")).toBe("hel_old");
    expect(window.location.hash).toBe("#elsewhere");
  });

  it("sets the theme before anything is painted", () => {
    localStorage.setItem("helium.theme", "dark");

    open("/");

    expect(document.documentElement.dataset.theme).toBe("dark");
  });
});
