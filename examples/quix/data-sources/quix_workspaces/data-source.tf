data "quix_workspaces" "all" {}

# The ids of the environments by name.
output "environments" {
  value = { for workspace in data.quix_workspaces.all.workspaces : workspace.name => workspace.id }
}
