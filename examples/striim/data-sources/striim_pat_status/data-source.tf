data "striim_pat_status" "this" {}

# A warning in each plan while somebody may use personal access tokens.
check "no_personal_access_tokens" {
  assert {
    condition     = !data.striim_pat_status.this.enabled
    error_message = "Personal access tokens are enabled in ${data.striim_pat_status.this.id}."
  }
}
