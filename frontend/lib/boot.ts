/** Runs in the document's head, before anything is painted or any router reads the address:
 * takes the token out of the fragment, and sets the theme. Kept tiny: it is part of every page. */
export const BOOT_SCRIPT = `(function(){try{
var f=new URLSearchParams(location.hash.slice(1)),t=f.get("token");
if(t){localStorage.setItem("helium.token",t.trim());f.delete("token");
var r=f.toString();history.replaceState(null,"",location.pathname+location.search+(r?"#"+r:""))}
var m=localStorage.getItem("helium.theme"),d=m==="dark"||(m!=="light"&&matchMedia("(prefers-color-scheme: dark)").matches);
document.documentElement.dataset.theme=d?"dark":"light"
}catch(e){document.documentElement.dataset.theme="light"}})()`;
