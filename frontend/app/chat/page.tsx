import { Workspace } from "../workspace";

export default function ChatPage() {
  return <Workspace />;
}
