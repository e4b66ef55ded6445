data "quix_workspace" "dev" {
  id = "acme-shop-dev"
}

output "branch" {
  value = data.quix_workspace.dev.branch
}
