provider "notes" {
  folder = "/srv/notes"
}
