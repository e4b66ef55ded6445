terraform {
  required_providers {
    striim = {
      source = "token-providers/striim"
    }
  }
}

# The provider's own token comes from the environment variable STRIIM_TOKEN.
provider "striim" {
  account = "acme"
  cloud   = "gcp"
}
