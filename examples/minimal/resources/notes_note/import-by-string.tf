import {
  to = notes_note.todo
  id = "todo"
}
