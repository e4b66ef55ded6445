data "quix_permission" "update" {
  resource_type = "Workspace"
  resource_id   = "acme-shop-dev"
  permission    = "Update"

  lifecycle {
    postcondition {
      condition     = self.allowed
      error_message = "The provider's token cannot change this environment. Use the token of a user with another role."
    }
  }
}
