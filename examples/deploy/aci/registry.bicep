// AcrPull on one registry: for the daemon's own image, and for the tags and digests that it watches.
param registry string
param principalId string

var acrPull = '7f951dda-4ed3-4680-a7ca-43fe172d538d'

resource found 'Microsoft.ContainerRegistry/registries@2023-07-01' existing = {
  name: registry
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(found.id, principalId, acrPull)
  scope: found
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', acrPull)
  }
}
