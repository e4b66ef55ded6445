terraform import notes_note.todo todo
