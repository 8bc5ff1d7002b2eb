package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

// apiError is an error the API declares: {"name","message"} and a goa-error header.
type apiError struct{ name, message string }

func (e apiError) Error() string { return e.message }

// validationError is goa's refusal of a malformed request: 400, a body with an id, no header.
type validationError struct{ name, message string }

func (e validationError) Error() string { return e.message }

// errUndeclared is a declared error that the call does not list: goa answers 500 with these words.
var errUndeclared = errors.New("A Control Plane API error.")

var (
	errInitialised = apiError{
		"cluster_already_initialized", "this operation is invalid on an initialized cluster",
	}
	errUninitialised = apiError{
		"cluster_not_initialized", "this operation is invalid on an uninitialized cluster",
	}
	errNotModifiable = apiError{
		"database_not_modifiable", "the target database is not modifiable in its current state",
	}
	errInvalidToken     = apiError{"invalid_join_token", "the given join token is invalid"}
	errHostNotFound     = apiError{"not_found", "no host found with the given ID"}
	errTaskNotFound     = apiError{"not_found", "no task found with the given ID"}
	errDatabaseNotFound = apiError{"not_found", "database not found"}
)

var errorStatus = map[string]int{
	"cluster_already_initialized": http.StatusConflict,
	"cluster_not_initialized":     http.StatusConflict,
	"database_not_modifiable":     http.StatusConflict,
	"invalid_input":               http.StatusBadRequest,
	"invalid_join_token":          http.StatusUnauthorized,
	"not_found":                   http.StatusNotFound,
}

func invalidInput(message string) error { return apiError{"invalid_input", message} }

// exchange is one request on its way: path parameters and the decoded body.
type exchange struct {
	*http.Request
	parameters map[string]string
	body       map[string]any
}

// answer is a status and a body to be written as JSON; none with 204.
type answer struct {
	status int
	body   any
}

func ok(body any) (answer, error) { return answer{http.StatusOK, body}, nil }

// route is a call of the API. fields are those its body must have; before: it works uninitialised.
type route struct {
	method, path string
	newerOnly    bool
	before       bool
	fields       []string
	handle       func(exchange) (answer, error)
}

// api serves HTTP: first the few calls of an uninitialised host, then all.
type api struct {
	app     *app
	routes  []route
	server  *http.Server
	failure chan error

	mu          sync.Mutex
	listening   bool
	initialised bool
	finished    chan struct{} // closed when the services are up, or have failed with outcome
	outcome     error
}

func newAPI(a *app) *api {
	made := &api{app: a, failure: make(chan error, 1), finished: make(chan struct{})}
	made.routes = made.table()
	address := net.JoinHostPort(a.settings.httpBind, strconv.Itoa(a.settings.httpPort))
	made.server = &http.Server{Handler: made, Addr: address}
	return made
}

// serve starts to listen, once. With a CA certificate it wants TLS 1.3 and client certificates.
func (p *api) serve() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listening {
		return
	}
	p.listening = true
	s := p.app.settings
	go func() {
		if s.caCert == "" {
			p.failure <- fmt.Errorf("http server error: %w", p.server.ListenAndServe())
			return
		}
		pool, err := certificatePool(s.caCert)
		if err != nil {
			p.failure <- err
			return
		}
		p.server.TLSConfig = &tls.Config{
			ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
		}
		p.failure <- fmt.Errorf("https server error: %w",
			p.server.ListenAndServeTLS(s.serverCert, s.serverKey))
	}()
}

func certificatePool(path string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("failed to read CA cert: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, errors.New("failed to use CA cert")
	}
	return pool, nil
}

// finish reports to a waiting init or join how the start of the services went.
func (p *api) finish(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outcome, p.initialised = err, err == nil
	close(p.finished)
}

func (p *api) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	found, parameters, known := p.find(request.Method, request.URL.Path)
	if found == nil && known {
		writer.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if found == nil {
		p.notFound(writer)
		return
	}
	body, err := readBody(request, found.fields)
	if err == nil {
		p.mu.Lock()
		initialised := p.initialised
		p.mu.Unlock()
		if !initialised && !found.before {
			err = errUninitialised
		}
	}
	var result answer
	if err == nil {
		result, err = found.handle(exchange{request, parameters, body})
	}
	if err != nil {
		writeError(writer, err)
		return
	}
	if result.status == http.StatusNoContent {
		writer.WriteHeader(result.status)
		return
	}
	writeJSON(writer, result.status, result.body)
}

// find looks a call up; known: the path exists, for whatever method.
func (p *api) find(method, path string) (*route, map[string]string, bool) {
	asked := strings.Split(path, "/")
	known := false
	for i, candidate := range p.routes {
		if candidate.newerOnly && p.app.settings.older {
			continue
		}
		pattern := strings.Split(candidate.path, "/")
		if len(pattern) != len(asked) {
			continue
		}
		parameters := map[string]string{}
		matches := true
		for j, part := range pattern {
			if strings.HasPrefix(part, "{") {
				parameters[strings.Trim(part, "{}")] = asked[j]
			} else if part != asked[j] {
				matches = false
			}
		}
		if matches && candidate.method == method {
			return &p.routes[i], parameters, true
		}
		known = known || matches
	}
	return nil, nil, known
}

// readBody decodes the body of a call that must have one, and says which fields are missing.
func readBody(request *http.Request, fields []string) (map[string]any, error) {
	if fields == nil {
		return nil, nil
	}
	// What curl -d sends by default is refused.
	if kind, _, err := mime.ParseMediaType(request.Header.Get("Content-Type")); err == nil &&
		kind != "application/json" {
		return nil, validationError{"unsupported_media_type", "unsupported media type " + kind}
	}
	raw, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		return nil, validationError{"missing_payload", "missing required payload"}
	}
	body := map[string]any{}
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, validationError{"decode_payload", err.Error()}
	}
	var missing []string
	for _, field := range fields {
		if body[field] == nil {
			missing = append(missing, fmt.Sprintf("%q is missing from body", field))
		}
	}
	if len(missing) > 0 {
		return nil, validationError{"missing_field", strings.Join(missing, "; ")}
	}
	return body, nil
}

// notFound answers an unknown path: JSON in the older generation, plain text in the newer.
func (p *api) notFound(writer http.ResponseWriter) {
	const words = "404 page not found"
	if p.app.settings.older {
		writeJSON(writer, http.StatusNotFound, goaBody("fault", words, true))
		return
	}
	http.Error(writer, words, http.StatusNotFound)
}

func goaBody(name, message string, fault bool) map[string]any {
	return map[string]any{
		"name": name, "id": newErrorID(), "message": message,
		"temporary": false, "timeout": false, "fault": fault,
	}
}

func writeError(writer http.ResponseWriter, err error) {
	var declared apiError
	var malformed validationError
	switch {
	case errors.Is(err, errUndeclared):
		writeJSON(writer, http.StatusInternalServerError, goaBody("fault", err.Error(), true))
	case errors.As(err, &malformed):
		status := http.StatusBadRequest
		if malformed.name == "unsupported_media_type" {
			status = http.StatusUnsupportedMediaType
		}
		writeJSON(writer, status, goaBody(malformed.name, malformed.message, false))
	default:
		if !errors.As(err, &declared) {
			declared = apiError{"server_error", err.Error()}
		}
		status, known := errorStatus[declared.name]
		if !known {
			status = http.StatusInternalServerError
		}
		writer.Header().Set("goa-error", declared.name)
		writeJSON(writer, status,
			map[string]any{"name": declared.name, "message": declared.message})
	}
}

func writeJSON(writer http.ResponseWriter, status int, body any) {
	writer.Header().Set("Content-Type", "application/json")
	writer.WriteHeader(status)
	// The client may be gone; there is nobody left to tell.
	_ = json.NewEncoder(writer).Encode(body)
}
