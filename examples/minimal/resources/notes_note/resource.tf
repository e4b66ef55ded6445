resource "notes_note" "todo" {
  title = "todo"
  text  = "Write a provider."
}
